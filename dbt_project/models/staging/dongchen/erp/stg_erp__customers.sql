with source as (
    select * from {{ source('erp', 'customers') }}
    where _is_current
),

renamed as (
    select
        customer_no,
        name as customer_name,
        region,
        segment,
        _batch_seq
    from source
)

select * from renamed
