{{ config(enabled=pack_provides(['sale_line', 'item_cost', 'item', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set facts = ref('fct_sale_line') %}
{%- set touched %}
    {{ new_days(facts, seq) }}
    union all
    {{ moved_days(facts, ['sale_no'], seq) }}
    union all
    {{ changed_member_days(ref('dim_item'), ['item_id'], seq) }}
    {%- if seq is not none %}{{ or_vanished_days('sale_line', facts, ['sale_no']) }}{% endif %}
{%- endset %}
{%- set days = touched_days(touched) %}

with sales as (
    select
        *,
        quantity * unit_price as revenue,
        unit_cost is not null as has_cost
    from {{ facts }}
    where {{ on_days('event_date', days) }}
)

select
    sales.sale_no,
    sales.event_date,
    coalesce(sales.item_id, sales.item_code) as item_id,
    coalesce(item.item_label, sales.item_code) as item_label,
    coalesce(item.item_group, 'Unknown') as group_id,
    coalesce(item.item_group, 'Unknown') as group_label,
    {{ exact('case when sales.has_cost then sales.revenue - sales.quantity * sales.unit_cost else 0 end') }} as numerator,
    {{ exact('case when sales.has_cost then sales.revenue else 0 end') }} as denominator,
    {{ exact('sales.revenue') }} as revenue,
    {{ exact('sales.quantity * sales.unit_cost') }} as standard_cost,
    {{ exact('case when sales.has_cost then 0 else 1 end') }} as line_without_valid_cost,
    {{ exact('case when sales.has_cost then 0 else sales.revenue end') }} as revenue_without_valid_cost,
    greatest(sales._batch_seq, coalesce(item._batch_seq, -1)) as _batch_seq
from sales
left join {{ ref('dim_item') }} as item
    on item.item_id = sales.item_id
    and item.is_current
{{ in_order_of_days(days) }}
