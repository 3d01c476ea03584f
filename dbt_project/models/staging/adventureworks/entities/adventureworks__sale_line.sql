select
    cast(transaction_id as varchar) as sale_no,
    cast(order_id as varchar) as order_no,
    cast('production' as varchar) as item_system,
    cast(item_id as varchar) as item_code,
    cast(happened_on as date) as event_date,
    cast(quantity as decimal(18,4)) as quantity,
    cast(unit_price as decimal(18,4)) as unit_price,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_production__transaction') }}
where transaction_type = 'S'
