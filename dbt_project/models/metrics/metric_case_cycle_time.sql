{% set facts = ref('fct_case_closing') %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(facts, seq) }}
{% if seq is not none %}union all {{ moved_days(facts, ['case_id', 'closing'], seq) }}{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

select
    case_id,
    closing,
    event_date,
    template_id,
    template_id as template_label,
    {{ exact('working_minutes') }} as numerator,
    {{ exact('60') }} as denominator,
    _batch_seq
from {{ facts }}
where {{ on_days('event_date', days) }}
{{ in_order_of_days(days) }}
