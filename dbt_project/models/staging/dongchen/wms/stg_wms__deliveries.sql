with source as (
    select * from {{ source('wms', 'deliveries') }}
    where _is_current
),

renamed as (
    select
        delivery_no,
        order_no,
        line_no,
        sku,
        shipped_at,
        delivered_at,
        delivered_qty as delivered_quantity,
        _batch_seq
    from source
)

select * from renamed
