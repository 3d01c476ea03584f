{%- set day -%}
case when is_breached or is_by_default then coalesce(due_on, ended_on) else decided_on end
{%- endset -%}
{% set facts = ref('fct_task') %}
{#- Departments are known only where the pack has a people directory. -#}
{% set people = ref('dim_person') if pack_provides(['person', 'department']) %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(facts, seq, day) }}
{% if seq is not none %}
union all {{ moved_days(facts, ['task_id'], seq) }}
{% if people %}
union all {{ changed_people_days(people, seq) }}
{% endif %}
{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

with counted as (
    select * from {{ facts }}
    where {{ on_days(day, days) }}
        and {{ day }} is not null
        and purpose = 'decide'
)

select
    counted.task_id,
    cast({{ day }} as date) as event_date,
    counted.case_id,
    counted.template_id,
    counted.template_id as template_label,
    counted.role as role_id,
    counted.role as role_label,
    counted.step_id,
    counted.step_id as step_label,
    counted.assignee_id,
    {{ person_columns(people, 'counted') }},
    case
        when counted.is_by_default then 'by_default'
        when not counted.is_breached then 'in_time'
        when counted.decided_on is not null then 'late'
        when counted.ended_on is not null then 'withdrawn'
        else 'open'
    end as fate,
    {{ exact('case when counted.is_breached or counted.is_by_default then 1 else 0 end') }} as numerator,
    {{ exact('1') }} as denominator,
    {{ person_batch_seq(people, 'counted') }} as _batch_seq
from counted
{{ join_people(people, 'counted') }}
{{ in_order_of_days(days) }}
