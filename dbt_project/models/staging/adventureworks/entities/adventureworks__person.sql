with person as (
    select
        employee.*,
        assignment.department_id,
        greatest(employee._batch_seq, coalesce(assignment._batch_seq, 0)) as seq
    from {{ ref('stg_humanresources__employee') }} as employee
    left join {{ ref('stg_humanresources__assignment') }} as assignment on employee.person_id = assignment.person_id
),

{# The export names no managers. A department is led by its lowest organization level, ties by id; the leaders answer to
   the person with the lowest level of all. #}
ranked as (
    select
        *,
        row_number() over (partition by department_id order by organization_level, cast(person_id as bigint)) as place,
        row_number() over (order by organization_level, cast(person_id as bigint)) as company_place
    from person
),

leader as (
    select department_id, person_id from ranked where place = 1
),

head as (
    select person_id from ranked where company_place = 1
)

select
    cast(ranked.person_id as varchar) as person_id,
    cast(ranked.job_title || ' (' || ranked.login || ')' as varchar) as name,
    cast(null as varchar) as email,
    cast(ranked.login as varchar) as login,
    cast(ranked.job_title as varchar) as title,
    cast(ranked.department_id as varchar) as department_id,
    cast(case when ranked.company_place = 1 then null when ranked.place = 1 or leader.person_id is null then head.person_id else leader.person_id end as varchar) as manager_id,
    cast(ranked.hired_on as date) as hired_on,
    cast(ranked.seq as bigint) as _batch_seq
from ranked
left join leader on ranked.department_id = leader.department_id
cross join head
