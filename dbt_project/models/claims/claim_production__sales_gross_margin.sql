{{ config(enabled=pack_provides(['sale_line', 'item_cost', 'item', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set facts = ref('fct_sale_line') %}
{%- set touched %}
    {{ new_days(facts, seq) }}
    union all
    {{ moved_days(facts, ['sale_no'], seq) }}
    union all
    {{ changed_member_days(ref('dim_item'), ['item_id'], seq, '_facts_seq') }}
    {%- if seq is not none %}{{ or_vanished_days('sale_line', facts, ['sale_no']) }}{% endif %}
{%- endset %}
{%- set days = touched_days(touched) %}

with sales as (
    select
        *,
        quantity * unit_price as revenue
    from {{ facts }}
    where {{ on_days('event_date', days) }}
)

select
    sales.sale_no,
    sales.event_date,
    coalesce(sales.item_id, sales.item_code) as item_id,
    {{ exact('sales.revenue') }} as revenue,
    {{ exact('sales.quantity * items.standard_cost') }} as standard_cost,
    {{ exact('sales.revenue - coalesce(sales.quantity * items.standard_cost, 0)') }} as numerator,
    {{ exact('sales.revenue') }} as denominator,
    greatest(sales._batch_seq, coalesce(items._facts_seq, -1)) as _batch_seq
from sales
left join {{ ref('dim_item') }} as items
    on items.item_id = sales.item_id
    and items.is_current
{{ in_order_of_days(days) }}
