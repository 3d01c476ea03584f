with source as (
    select * from {{ source('hr', 'employee_roles') }}
    where _is_current
),

renamed as (
    select
        employee_no,
        role,
        _batch_seq
    from source
)

select * from renamed
