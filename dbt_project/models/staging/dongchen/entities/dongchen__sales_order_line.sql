select
    cast(order_no as varchar) as order_no,
    cast(line_no as integer) as line_no,
    cast('erp' as varchar) as customer_system,
    cast(customer_no as varchar) as customer_code,
    cast('erp' as varchar) as item_system,
    cast(item_no as varchar) as item_code,
    cast(ordered_at as timestamp) as ordered_at,
    cast(ordered_at as date) as event_date,
    cast(quantity as decimal(18,4)) as quantity,
    cast(unit_price as decimal(18,4)) as unit_price,
    cast(currency as varchar) as currency,
    cast(promised_date as date) as promised_date,
    cast(is_cancelled as boolean) as is_cancelled,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__sales_order_lines') }}
