with person as (
    select * from {{ ref('stg_humanresources__employee') }}
),

assignment as (
    select * from {{ ref('stg_humanresources__assignment') }}
),

department as (
    select * from {{ ref('stg_humanresources__department') }}
),

role_title as (
    select * from {{ ref('stg_humanresources__role_title') }}
)

select
    cast(person.person_id as varchar) as person_id,
    cast(role_title.role as varchar) as role,
    cast(greatest(person._batch_seq, assignment._batch_seq, department._batch_seq) as bigint) as _batch_seq
from person
inner join assignment on person.person_id = assignment.person_id
inner join department on assignment.department_id = department.department_id
inner join role_title
    on department.department_name = role_title.department_name and person.job_title = role_title.job_title
