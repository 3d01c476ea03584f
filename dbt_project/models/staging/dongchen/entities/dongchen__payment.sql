select
    cast(payment_id as varchar) as payment_id,
    cast(invoice_no as varchar) as invoice_no,
    cast(paid_at as timestamp) as paid_at,
    cast(paid_at as date) as event_date,
    cast(amount as decimal(18,4)) as amount,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_finance__payments') }}
