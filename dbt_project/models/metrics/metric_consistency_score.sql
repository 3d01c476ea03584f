{% set facts = ref('fct_consistency_score') %}
{% set seq = watermark() %}
{% set days = touched_days(new_days(facts, seq)) %}

select
    metric as metric_id,
    metric as metric_label,
    event_date,
    {{ exact('score') }} as numerator,
    {{ exact('1') }} as denominator,
    _batch_seq
from {{ facts }}
where {{ on_days('event_date', days) }}
{{ in_order_of_days(days) }}
