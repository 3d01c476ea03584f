{{ config(enabled=pack_provides(['sales_order_line', 'order_cost', 'order_freight', 'order_rebate', 'customer', 'item'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_sales_order_line'), seq) }}
    union all
    {{ new_days(ref('fct_order_cost'), seq, 'ordered_on') }}
    union all
    {{ new_days(ref('fct_order_freight'), seq, 'ordered_on') }}
    union all
    {{ new_days(ref('fct_order_rebate'), seq, 'ordered_on') }}
    union all
    {{ changed_member_days(ref('dim_customer'), ['customer_id'], seq) }}
    union all
    {{ changed_member_days(ref('dim_item'), ['item_id'], seq, '_facts_seq') }}
    {{ or_vanished_days('sales_order_line', ref('fct_sales_order_line'), ['order_no', 'line_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with lines as (
    select * from {{ ref('fct_sales_order_line') }}
    where {{ on_days('event_date', days) }} and not is_cancelled
),

costs as (
    select order_no, line_no, actual_cost_amount, _batch_seq
    from {{ ref('fct_order_cost') }}
    where {{ on_days('ordered_on', days) }} and order_matched and actual_cost_amount is not null
),

freight as (
    select order_no, line_no, sum(amount) as amount, max(_batch_seq) as _batch_seq
    from {{ ref('fct_order_freight') }}
    where {{ on_days('ordered_on', days) }} and order_matched
    group by order_no, line_no
),

rebates as (
    select order_no, line_no, sum(amount) as amount, max(_batch_seq) as _batch_seq
    from {{ ref('fct_order_rebate') }}
    where {{ on_days('ordered_on', days) }} and order_matched
    group by order_no, line_no
)

select
    lines.order_no,
    lines.line_no,
    lines.event_date,
    coalesce(lines.customer_id, lines.customer_code) as customer_id,
    coalesce(customers.customer_label, lines.customer_code) as customer_label,
    coalesce(customers.region, 'unknown') as region,
    coalesce(lines.item_id, lines.item_code) as item_id,
    coalesce(items.item_label, lines.item_code) as item_label,
    {{ exact('lines.amount') }} as revenue,
    {{ exact('costs.actual_cost_amount') }} as material_cost,
    {{ exact('coalesce(freight.amount, 0)') }} as freight,
    {{ exact('coalesce(rebates.amount, 0)') }} as rebate,
    {{ exact('lines.amount - costs.actual_cost_amount - coalesce(freight.amount, 0) - coalesce(rebates.amount, 0)') }} as numerator,
    {{ exact('lines.amount') }} as denominator,
    greatest(
        lines._batch_seq,
        costs._batch_seq,
        coalesce(freight._batch_seq, -1),
        coalesce(rebates._batch_seq, -1),
        coalesce(customers._batch_seq, -1),
        coalesce(items._facts_seq, -1)
    ) as _batch_seq
from lines
inner join costs
    on costs.order_no = lines.order_no and costs.line_no = lines.line_no
left join freight
    on freight.order_no = lines.order_no and freight.line_no = lines.line_no
left join rebates
    on rebates.order_no = lines.order_no and rebates.line_no = lines.line_no
left join {{ ref('dim_customer') }} as customers
    on customers.customer_id = lines.customer_id and customers.is_current
left join {{ ref('dim_item') }} as items
    on items.item_id = lines.item_id and items.is_current
{{ in_order_of_days(days) }}
