with source as (
    select * from {{ source('humanresources', 'department') }} where _is_current
),

renamed as (
    select
        cast(department_id as {{ dbt.type_string() }}) as department_id,
        department_name,
        group_name,
        _batch_seq
    from source
)

select * from renamed
