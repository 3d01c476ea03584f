{{ config(enabled=pack_provides(['person', 'department'])) }}
with people as (
    select * from {{ pack_entity('person') }}
),

departments as (
    select * from {{ ref('dim_department') }}
    where is_current
)

select
    people.person_id,
    people.name,
    people.email,
    people.login,
    people.title,
    people.department_id,
    departments.department_name,
    people.manager_id,
    departments.country,
    people.hired_on,
    greatest(people._batch_seq, coalesce(departments._batch_seq, -1)) as _batch_seq
from people
left join departments on departments.department_id = people.department_id
