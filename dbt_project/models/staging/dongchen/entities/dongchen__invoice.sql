select
    cast(invoice_no as varchar) as invoice_no,
    cast(order_no as varchar) as order_no,
    cast('finance' as varchar) as customer_system,
    cast(customer_ref as varchar) as customer_code,
    cast(invoiced_at as timestamp) as invoiced_at,
    cast(invoiced_at as date) as event_date,
    cast(amount as decimal(18,4)) as amount,
    cast(due_date as date) as due_date,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_finance__invoices') }}
