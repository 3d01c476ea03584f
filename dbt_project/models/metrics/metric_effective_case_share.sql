{% set facts = ref('fct_case_judgement') %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(facts, seq) }}
{% if seq is not none %}union all {{ moved_days(facts, ['case_id', 'judgement'], seq) }}{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

select
    case_id,
    judgement,
    event_date,
    template_id,
    template_id as template_label,
    coalesce(metric, 'none') as metric_id,
    coalesce(metric, 'none') as metric_label,
    {{ exact('case when is_effective then 1 else 0 end') }} as numerator,
    {{ exact('1') }} as denominator,
    _batch_seq
from {{ facts }}
where {{ on_days('event_date', days) }}
    and is_effective is not null
{{ in_order_of_days(days) }}
