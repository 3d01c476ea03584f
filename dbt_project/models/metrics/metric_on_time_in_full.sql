{{ config(enabled=pack_provides(['sales_order_line', 'delivery', 'customer', 'item'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_sales_order_line'), seq, 'promised_date') }}
    union all
    {{ moved_days(ref('fct_sales_order_line'), ['order_no', 'line_no'], seq) }}
    union all
    select lines.promised_date as event_date
    from {{ ref('fct_delivery') }} as deliveries
    inner join {{ ref('fct_sales_order_line') }} as lines
        on lines.event_date = deliveries.ordered_on
        and lines.order_no = deliveries.order_no
        and lines.line_no = deliveries.line_no
    where {{ is_new(seq, 'deliveries') }}
    union all
    {{ changed_member_days(ref('dim_customer'), ['customer_id'], seq) }}
    union all
    {{ changed_member_days(ref('dim_item'), ['item_id'], seq, '_facts_seq') }}
    {{ or_vanished_days('sales_order_line', ref('fct_sales_order_line'), ['order_no', 'line_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with lines as (
    select * from {{ ref('fct_sales_order_line') }}
    where {{ on_days('promised_date', days) }} and promised_date is not null and not is_cancelled
),

delivered as (
    select
        lines.order_no,
        lines.line_no,
        sum(case when deliveries.event_date <= lines.promised_date then deliveries.delivered_quantity else 0 end) as in_time,
        max(deliveries._batch_seq) as _batch_seq
    from lines
    inner join {{ ref('fct_delivery') }} as deliveries
        on deliveries.ordered_on = lines.event_date
        and deliveries.order_no = lines.order_no
        and deliveries.line_no = lines.line_no
    group by lines.order_no, lines.line_no
)

select
    lines.order_no,
    lines.line_no,
    lines.promised_date as event_date,
    coalesce(lines.customer_id, lines.customer_code) as customer_id,
    coalesce(customers.customer_label, lines.customer_code) as customer_label,
    coalesce(customers.region, 'unknown') as region,
    coalesce(lines.item_id, lines.item_code) as item_id,
    coalesce(items.item_label, lines.item_code) as item_label,
    {{ exact('case when coalesce(delivered.in_time, 0) >= lines.quantity then 1 else 0 end') }} as numerator,
    {{ exact('1') }} as denominator,
    greatest(
        lines._batch_seq,
        coalesce(delivered._batch_seq, -1),
        coalesce(customers._batch_seq, -1),
        coalesce(items._facts_seq, -1)
    ) as _batch_seq
from lines
left join delivered
    on delivered.order_no = lines.order_no and delivered.line_no = lines.line_no
left join {{ ref('dim_customer') }} as customers
    on customers.customer_id = lines.customer_id and customers.is_current
left join {{ ref('dim_item') }} as items
    on items.item_id = lines.item_id and items.is_current
{{ in_order_of_days(days) }}
