{{ config(enabled=pack_provides(['payment', 'invoice'])) }}
{%- set seq = watermark() %}
{%- set payment = pack_entity('payment') %}
{%- set touched %}
    {{ new_days(payment, seq) }}
    union all
    {{ moved_days(payment, ['payment_id'], seq) }}
    union all
    {{ adopted_days(ref('fct_invoice'), ['invoice_no'], 'invoice_matched', seq) }}
    {{ or_vanished_days('payment', payment, ['payment_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with payments as (
    select * from {{ payment }}
    where {{ on_days('event_date', days) }} and {{ at_days('paid_at', days) }}
),

parents as (
    select invoice_no, _batch_seq
    from {{ ref('fct_invoice') }}
    where invoice_no in (select invoice_no from payments)
)

select
    payments.payment_id,
    payments.invoice_no,
    payments.paid_at,
    payments.event_date,
    payments.amount,
    parents.invoice_no is not null as invoice_matched,
    greatest(payments._batch_seq, coalesce(parents._batch_seq, -1)) as _batch_seq
from payments
left join parents
    on parents.invoice_no = payments.invoice_no
{{ in_order_of_days(days) }}
