{{ config(enabled=pack_provides(['sale_line', 'item_cost', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set facts = ref('fct_sale_line') %}
{%- set touched %}
    {{ new_days(facts, seq) }}
    union all
    {{ moved_days(facts, ['sale_no'], seq) }}
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
    sale_no,
    event_date,
    coalesce(item_id, item_code) as item_id,
    {{ exact('revenue') }} as revenue,
    {{ exact('quantity * unit_cost') }} as standard_cost,
    {{ exact('revenue - coalesce(quantity * unit_cost, 0)') }} as numerator,
    {{ exact('revenue') }} as denominator,
    _batch_seq
from sales
{{ in_order_of_days(days) }}
