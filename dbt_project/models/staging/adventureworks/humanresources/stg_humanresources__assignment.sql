with source as (
    select * from {{ source('humanresources', 'employeedepartmenthistory') }} where _is_current
),

renamed as (
    select
        cast(employee_id as {{ dbt.type_string() }}) as person_id,
        cast(department_id as {{ dbt.type_string() }}) as department_id,
        start_date as since,
        _batch_seq
    from source
    where end_date is null
)

select * from renamed
