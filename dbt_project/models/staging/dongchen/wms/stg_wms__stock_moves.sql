with source as (
    select * from {{ source('wms', 'stock_moves') }}
    where _is_current
),

renamed as (
    select
        move_id,
        sku,
        warehouse,
        moved_at,
        quantity,
        move_type,
        reference,
        _batch_seq
    from source
)

select * from renamed
