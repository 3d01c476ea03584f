{% set facts = ref('fct_rating') %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(facts, seq) }}
{% if seq is not none %}union all {{ moved_days(facts, ['case_id', 'person_id'], seq) }}{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

select
    case_id,
    person_id,
    event_date,
    template_id,
    template_id as template_label,
    {{ exact('score') }} as numerator,
    {{ exact('1') }} as denominator,
    _batch_seq
from {{ facts }}
where {{ on_days('event_date', days) }}
{{ in_order_of_days(days) }}
