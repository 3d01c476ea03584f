{{ config(enabled=pack_provides(['margin_posting'])) }}
{%- set seq = watermark() %}
{%- set postings = ref('fct_margin_posting') %}
{%- set touched %}
    {{ new_days(postings, seq) }}
    union all
    {{ moved_days(postings, ['entry_id'], seq) }}
    {{ or_vanished_days('margin_posting', postings, ['entry_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

select
    entry_id,
    order_no,
    line_no,
    event_date,
    {{ exact('revenue_amount') }} as revenue,
    {{ exact('material_cost_amount') }} as material_cost,
    {{ exact('freight_amount') }} as freight,
    {{ exact('rebate_amount') }} as rebate,
    {{ exact('revenue_amount - material_cost_amount - freight_amount - rebate_amount') }} as numerator,
    {{ exact('revenue_amount') }} as denominator,
    _batch_seq
from {{ postings }}
where {{ on_days('event_date', days) }}
{{ in_order_of_days(days) }}
