{{ config(enabled=pack_provides(['work_order', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set work_order = pack_entity('work_order') %}
{%- set touched %}
    {{ new_days(work_order, seq) }}
    union all
    {{ moved_days(work_order, ['work_order_no'], seq) }}
    union all
    {{ recoded_days('item', seq) }}
    {{ or_vanished_days('work_order', work_order, ['work_order_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with orders as (
    select * from {{ work_order }}
    where {{ on_days('event_date', days) }} and {{ at_days('planned_start', days) }}
)

select
    orders.work_order_no,
    orders.item_system,
    orders.item_code,
    orders.line_code,
    orders.planned_start,
    orders.event_date,
    orders.quantity,
    {{ code_id('item') }} as item_id,
    greatest(orders._batch_seq, coalesce(item_codes._batch_seq, -1)) as _batch_seq
from orders
{{ join_code('item', 'orders') }}
{{ in_order_of_days(days) }}
