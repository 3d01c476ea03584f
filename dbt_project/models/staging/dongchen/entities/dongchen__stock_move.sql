select
    cast(move_id as varchar) as move_id,
    cast('wms' as varchar) as item_system,
    cast(sku as varchar) as item_code,
    cast(warehouse as varchar) as warehouse,
    cast(moved_at as timestamp) as moved_at,
    cast(moved_at as date) as event_date,
    cast(quantity as decimal(18,4)) as quantity,
    cast(move_type as varchar) as move_type,
    cast(reference as varchar) as reference,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_wms__stock_moves') }}
