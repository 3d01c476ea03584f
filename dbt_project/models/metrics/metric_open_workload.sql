{% set facts = ref('fct_open_work') %}
{#- Departments are known only where the pack has a people directory. -#}
{% set people = ref('dim_person') if pack_provides(['person', 'department']) %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(facts, seq, 'event_date') }}
{% if seq is not none %}
{% if people %}
union all {{ changed_people_days(people, seq) }}
{% endif %}
{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

with counted as (
    select * from {{ facts }}
    where {{ on_days('event_date', days) }}
)

select
    cast(counted.event_date as date) as event_date,
    counted.template_id,
    counted.template_id as template_label,
    counted.role as role_id,
    counted.role as role_label,
    counted.step_id,
    counted.step_id as step_label,
    counted.assignee_id,
    {{ person_columns(people, 'counted') }},
    counted.weight,
    counted.overdue_tasks,
    {{ exact('counted.open_tasks') }} as numerator,
    {{ exact('1') }} as denominator,
    {{ person_batch_seq(people, 'counted') }} as _batch_seq
from counted
{{ join_people(people, 'counted') }}
{{ in_order_of_days(days) }}
