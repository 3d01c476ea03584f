select
    cast(rebate_no as varchar) as rebate_no,
    cast(order_no as varchar) as order_no,
    cast(line_no as integer) as line_no,
    cast(amount as decimal(18,4)) as amount,
    cast(booked_on as date) as event_date,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__order_rebates') }}
