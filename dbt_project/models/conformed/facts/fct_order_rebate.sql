{{ config(enabled=pack_provides(['order_rebate', 'sales_order_line'])) }}
{%- set seq = watermark() %}
{%- set order_rebate = pack_entity('order_rebate') %}
{%- set touched %}
    {{ new_days(order_rebate, seq) }}
    union all
    {{ moved_days(order_rebate, ['rebate_no'], seq) }}
    union all
    {{ adopted_days(ref('fct_sales_order_line'), ['order_no', 'line_no'], 'order_matched', seq) }}
    {{ or_vanished_days('order_rebate', order_rebate, ['rebate_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with rebates as (
    select * from {{ order_rebate }}
    where {{ on_days('event_date', days) }}
),

parents as (
    select order_no, line_no, event_date, _batch_seq
    from {{ ref('fct_sales_order_line') }}
    where order_no in (select order_no from rebates)
)

select
    rebates.rebate_no,
    rebates.order_no,
    rebates.line_no,
    rebates.amount,
    rebates.event_date,
    parents.order_no is not null as order_matched,
    parents.event_date as ordered_on,
    greatest(rebates._batch_seq, coalesce(parents._batch_seq, -1)) as _batch_seq
from rebates
left join parents
    on parents.order_no = rebates.order_no
    and parents.line_no = rebates.line_no
{{ in_order_of_days(days) }}
