select
    cast(count_date as date) as event_date,
    cast('wms' as varchar) as item_system,
    cast(sku as varchar) as item_code,
    cast(warehouse as varchar) as warehouse,
    cast(on_hand_quantity as decimal(18,4)) as on_hand_quantity,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_wms__stock_counts') }}
