with source as (
    select * from {{ source('erp', 'suppliers') }}
    where _is_current
),

renamed as (
    select
        supplier_no,
        name as supplier_name,
        country,
        category,
        _batch_seq
    from source
)

select * from renamed
