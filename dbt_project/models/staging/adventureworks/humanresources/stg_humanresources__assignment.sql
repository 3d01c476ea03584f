with source as (
    select * from {{ source('humanresources', 'employeedepartmenthistory') }} where _is_current
),

{# A person has one department: where the export leaves two open, the later one counts. #}
ranked as (
    select
        cast(employee_id as {{ dbt.type_string() }}) as person_id,
        cast(department_id as {{ dbt.type_string() }}) as department_id,
        start_date as since,
        row_number() over (partition by employee_id order by start_date desc, department_id) as place,
        _batch_seq
    from source
    where end_date is null
)

select person_id, department_id, since, _batch_seq from ranked where place = 1
