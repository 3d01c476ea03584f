with source as (
    select * from {{ source('hr', 'departments') }}
    where _is_current
),

renamed as (
    select
        department_code,
        name as department_name,
        country,
        _batch_seq
    from source
)

select * from renamed
