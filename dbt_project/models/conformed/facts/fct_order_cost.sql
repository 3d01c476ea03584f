{{ config(enabled=pack_provides(['order_cost', 'sales_order_line'])) }}
{%- set seq = watermark() %}
{%- set order_cost = pack_entity('order_cost') %}
{%- set touched %}
    {{ new_days(order_cost, seq) }}
    union all
    {{ moved_days(order_cost, ['order_no', 'line_no'], seq) }}
    union all
    {{ adopted_days(ref('fct_sales_order_line'), ['order_no', 'line_no'], 'order_matched', seq) }}
    {{ or_vanished_days('order_cost', order_cost, ['order_no', 'line_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with costs as (
    select * from {{ order_cost }}
    where {{ on_days('event_date', days) }}
),

parents as (
    select order_no, line_no, event_date, _batch_seq
    from {{ ref('fct_sales_order_line') }}
    where order_no in (select order_no from costs)
)

select
    costs.order_no,
    costs.line_no,
    costs.standard_cost_amount,
    costs.actual_cost_amount,
    costs.event_date,
    parents.order_no is not null as order_matched,
    parents.event_date as ordered_on,
    greatest(costs._batch_seq, coalesce(parents._batch_seq, -1)) as _batch_seq
from costs
left join parents
    on parents.order_no = costs.order_no
    and parents.line_no = costs.line_no
{{ in_order_of_days(days) }}
