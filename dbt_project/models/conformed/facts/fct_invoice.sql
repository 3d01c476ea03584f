{{ config(enabled=pack_provides(['invoice', 'partner_code'])) }}
{%- set seq = watermark() %}
{%- set invoice = pack_entity('invoice') %}
{%- set touched %}
    {{ new_days(invoice, seq) }}
    union all
    {{ moved_days(invoice, ['invoice_no'], seq) }}
    union all
    {{ recoded_days('customer', seq) }}
    {{ or_vanished_days('invoice', invoice, ['invoice_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with invoices as (
    select * from {{ invoice }}
    where {{ on_days('event_date', days) }} and {{ at_days('invoiced_at', days) }}
)

select
    invoices.invoice_no,
    invoices.order_no,
    invoices.customer_system,
    invoices.customer_code,
    invoices.invoiced_at,
    invoices.event_date,
    invoices.amount,
    invoices.due_date,
    {{ code_id('customer') }} as customer_id,
    greatest(invoices._batch_seq, coalesce(customer_codes._batch_seq, -1)) as _batch_seq
from invoices
{{ join_code('customer', 'invoices') }}
{{ in_order_of_days(days) }}
