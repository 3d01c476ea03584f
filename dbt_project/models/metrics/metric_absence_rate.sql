{{ config(enabled=pack_provides(['absence', 'person', 'department']), materialized='table') }}
{#- Built as a whole: a row for each day and department stays small, and a hire touches every day. -#}

with absences as (
    select * from {{ ref('absence') }}
),

days as (
    select spine.date_day as event_date
    from {{ ref('time_spine_day') }} as spine
    cross join (select min(starts_on) as first_day, max(ends_on) as last_day from absences) as known
    where spine.date_day between known.first_day and known.last_day
),

away as (
    select absences.person_id, days.event_date, max(absences._batch_seq) as _batch_seq
    from days
    inner join absences on days.event_date between absences.starts_on and absences.ends_on
    group by absences.person_id, days.event_date
),

people as (
    select
        person_id,
        hired_on,
        _batch_seq,
        coalesce(department_id, 'unknown') as department_id,
        coalesce(department_name, department_id, 'unknown') as department_label
    from {{ ref('dim_person') }}
)

select
    cast(days.event_date as date) as event_date,
    people.department_id,
    max(people.department_label) as department_label,
    {{ exact('count(away.person_id)') }} as numerator,
    {{ exact('count(*)') }} as denominator,
    cast(greatest(max(people._batch_seq), coalesce(max(away._batch_seq), -1)) as bigint) as _batch_seq
from days
inner join people on people.hired_on is null or people.hired_on <= days.event_date
left join away on away.person_id = people.person_id and away.event_date = days.event_date
group by days.event_date, people.department_id
order by days.event_date
