with source as (
    select * from {{ source('erp', 'items') }}
    where _is_current
),

renamed as (
    select
        item_no,
        description as item_name,
        item_group,
        uom,
        standard_cost,
        safety_stock,
        _batch_seq
    from source
)

select * from renamed
