{% set facts = ref('fct_task') %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(facts, seq, 'decided_on') }}
{% if seq is not none %}union all {{ moved_days(facts, ['task_id'], seq) }}{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

select
    task_id,
    cast(decided_on as date) as event_date,
    template_id,
    template_id as template_label,
    role as role_id,
    role as role_label,
    {{ exact('case when is_breached then 0 else 1 end') }} as numerator,
    {{ exact('1') }} as denominator,
    _batch_seq
from {{ facts }}
where {{ on_days('decided_on', days) }}
    and decided_on is not null
{{ in_order_of_days(days) }}
