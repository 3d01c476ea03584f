select
    cast(entry_id as varchar) as entry_id,
    cast(order_no as varchar) as order_no,
    cast(line_no as integer) as line_no,
    cast(posted_on as date) as event_date,
    cast(revenue_amount as decimal(18,4)) as revenue_amount,
    cast(material_cost_amount as decimal(18,4)) as material_cost_amount,
    cast(freight_amount as decimal(18,4)) as freight_amount,
    cast(rebate_amount as decimal(18,4)) as rebate_amount,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_finance__ledger_margin') }}
