select
    cast(delivery_no as varchar) as delivery_no,
    cast(order_no as varchar) as order_no,
    cast(line_no as integer) as line_no,
    cast('wms' as varchar) as item_system,
    cast(sku as varchar) as item_code,
    cast(shipped_at as timestamp) as shipped_at,
    cast(delivered_at as timestamp) as delivered_at,
    cast(delivered_at as date) as event_date,
    cast(delivered_quantity as decimal(18,4)) as delivered_quantity,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_wms__deliveries') }}
