select
    cast(order_no as varchar) as order_no,
    cast(line_no as integer) as line_no,
    cast(standard_cost_amount as decimal(18,4)) as standard_cost_amount,
    cast(actual_cost_amount as decimal(18,4)) as actual_cost_amount,
    cast(booked_on as date) as event_date,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__order_costs') }}
