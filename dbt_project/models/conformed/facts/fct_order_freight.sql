{{ config(enabled=pack_provides(['order_freight', 'sales_order_line'])) }}
{%- set seq = watermark() %}
{%- set order_freight = pack_entity('order_freight') %}
{%- set touched %}
    {{ new_days(order_freight, seq) }}
    union all
    {{ moved_days(order_freight, ['freight_no'], seq) }}
    union all
    {{ adopted_days(ref('fct_sales_order_line'), ['order_no', 'line_no'], 'order_matched', seq) }}
    {{ or_vanished_days('order_freight', order_freight, ['freight_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with freight as (
    select * from {{ order_freight }}
    where {{ on_days('event_date', days) }}
),

parents as (
    select order_no, line_no, event_date, _batch_seq
    from {{ ref('fct_sales_order_line') }}
    where order_no in (select order_no from freight)
)

select
    freight.freight_no,
    freight.order_no,
    freight.line_no,
    freight.amount,
    freight.event_date,
    parents.order_no is not null as order_matched,
    parents.event_date as ordered_on,
    greatest(freight._batch_seq, coalesce(parents._batch_seq, -1)) as _batch_seq
from freight
left join parents
    on parents.order_no = freight.order_no
    and parents.line_no = freight.line_no
{{ in_order_of_days(days) }}
