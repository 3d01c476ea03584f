with source as (
    select * from {{ source('humanresources', 'employee') }} where _is_current
),

renamed as (
    select
        cast(employee_id as {{ dbt.type_string() }}) as person_id,
        substring(login_id, {{ dbt.position("'\\'", 'login_id') }} + 1) as login,
        coalesce(organization_level, 0) as organization_level,
        job_title,
        hire_date as hired_on,
        _batch_seq
    from source
    where is_current
)

select * from renamed
