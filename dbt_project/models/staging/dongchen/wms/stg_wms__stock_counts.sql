with source as (
    select * from {{ source('wms', 'stock_counts') }}
    where _is_current
),

renamed as (
    select
        snapshot_date as count_date,
        sku,
        warehouse,
        on_hand_qty as on_hand_quantity,
        _batch_seq
    from source
)

select * from renamed
