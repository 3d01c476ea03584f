{{ config(enabled=pack_provides(['delivery', 'sales_order_line', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set delivery = pack_entity('delivery') %}
{%- set touched %}
    {{ new_days(delivery, seq) }}
    union all
    {{ moved_days(delivery, ['delivery_no'], seq) }}
    union all
    {{ recoded_days('item', seq) }}
    union all
    {{ adopted_days(ref('fct_sales_order_line'), ['order_no', 'line_no'], 'order_matched', seq) }}
    {{ or_vanished_days('delivery', delivery, ['delivery_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with deliveries as (
    select * from {{ delivery }}
    where {{ on_days('event_date', days) }} and {{ at_days('delivered_at', days) }}
),

parents as (
    select order_no, line_no, event_date, _batch_seq
    from {{ ref('fct_sales_order_line') }}
    where order_no in (select order_no from deliveries)
)

select
    deliveries.delivery_no,
    deliveries.order_no,
    deliveries.line_no,
    deliveries.item_system,
    deliveries.item_code,
    deliveries.shipped_at,
    deliveries.delivered_at,
    deliveries.event_date,
    deliveries.delivered_quantity,
    {{ code_id('item') }} as item_id,
    parents.order_no is not null as order_matched,
    parents.event_date as ordered_on,
    greatest(deliveries._batch_seq, coalesce(item_codes._batch_seq, -1), coalesce(parents._batch_seq, -1)) as _batch_seq
from deliveries
{{ join_code('item', 'deliveries') }}
left join parents
    on parents.order_no = deliveries.order_no
    and parents.line_no = deliveries.line_no
{{ in_order_of_days(days) }}
