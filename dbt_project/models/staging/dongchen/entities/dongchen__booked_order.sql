select
    cast(booking_id as varchar) as booking_id,
    cast(order_no as varchar) as order_no,
    cast(line_no as integer) as line_no,
    cast('crm' as varchar) as customer_system,
    cast(account_id as varchar) as customer_code,
    cast('crm' as varchar) as item_system,
    cast(product_code as varchar) as item_code,
    cast(booked_at as timestamp) as booked_at,
    cast(booked_at as date) as event_date,
    cast(revenue_amount as decimal(18,4)) as revenue_amount,
    cast(cost_amount as decimal(18,4)) as cost_amount,
    cast(freight_estimate as decimal(18,4)) as freight_amount,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_crm__booked_orders') }}
