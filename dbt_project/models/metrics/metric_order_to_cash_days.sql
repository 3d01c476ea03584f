{{ config(enabled=pack_provides(['sales_order_line', 'invoice', 'payment', 'customer'])) }}
{%- set seq = watermark() %}
{#- An order is paid on the day of its last payment: a payment, invoice or order line may move that day. -#}
{%- set affected %}
    select order_no from {{ ref('fct_invoice') }} where {{ is_new(seq) }}
    union
    select invoices.order_no
    from {{ ref('fct_payment') }} as payments
    inner join {{ ref('fct_invoice') }} as invoices on invoices.invoice_no = payments.invoice_no
    where {{ is_new(seq, 'payments') }}
    union
    select order_no from {{ ref('fct_sales_order_line') }} where {{ is_new(seq) }}
{%- endset %}
{%- set touched %}
    select held.event_date
    from {{ this }} as held
    inner join ({{ affected }}) as affected on affected.order_no = held.order_no
    union all
    select max(payments.event_date) as event_date
    from {{ ref('fct_payment') }} as payments
    inner join {{ ref('fct_invoice') }} as invoices on invoices.invoice_no = payments.invoice_no
    inner join ({{ affected }}) as affected on affected.order_no = invoices.order_no
    group by invoices.order_no
    union all
    {{ changed_member_days(ref('dim_customer'), ['customer_id'], seq) }}
    {%- if rows_may_vanish('payment') or rows_may_vanish('invoice') or rows_may_vanish('sales_order_line') %}
    union all
    select event_date from {{ this }}
    {%- endif %}
{%- endset %}
{%- set days = touched_days(touched) %}

with candidates as (
    select distinct invoices.order_no
    from {{ ref('fct_payment') }} as payments
    inner join {{ ref('fct_invoice') }} as invoices on invoices.invoice_no = payments.invoice_no
    where {{ on_days('payments.event_date', days) }}
),

invoices as (
    select order_no, sum(amount) as amount, max(_batch_seq) as _batch_seq
    from {{ ref('fct_invoice') }}
    where order_no in (select order_no from candidates)
    group by order_no
),

payments as (
    select
        invoices.order_no,
        sum(payments.amount) as amount,
        max(payments.event_date) as paid_on,
        max(payments._batch_seq) as _batch_seq
    from {{ ref('fct_payment') }} as payments
    inner join {{ ref('fct_invoice') }} as invoices on invoices.invoice_no = payments.invoice_no
    where invoices.order_no in (select order_no from candidates)
    group by invoices.order_no
),

orders as (
    select
        order_no,
        min(event_date) as ordered_on,
        min(customer_id) as customer_id,
        min(customer_code) as customer_code,
        max(_batch_seq) as _batch_seq
    from {{ ref('fct_sales_order_line') }}
    where order_no in (select order_no from candidates)
    group by order_no
)

select
    orders.order_no,
    payments.paid_on as event_date,
    coalesce(orders.customer_id, orders.customer_code) as customer_id,
    coalesce(customers.customer_label, orders.customer_code) as customer_label,
    coalesce(customers.region, 'unknown') as region,
    {{ exact(dbt.datediff('orders.ordered_on', 'payments.paid_on', 'day')) }} as numerator,
    {{ exact('1') }} as denominator,
    greatest(
        orders._batch_seq,
        invoices._batch_seq,
        payments._batch_seq,
        coalesce(customers._batch_seq, -1)
    ) as _batch_seq
from orders
inner join invoices on invoices.order_no = orders.order_no
inner join payments on payments.order_no = orders.order_no
left join {{ ref('dim_customer') }} as customers
    on customers.customer_id = orders.customer_id and customers.is_current
where payments.amount >= invoices.amount and {{ on_days('payments.paid_on', days) }}
{{ in_order_of_days(days) }}
