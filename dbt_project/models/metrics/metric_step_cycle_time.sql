{% set facts = ref('fct_step_visit') %}
{#- Departments are known only where the pack has a people directory. -#}
{% set people = ref('dim_person') if pack_provides(['person', 'department']) %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(facts, seq, 'ended_on') }}
{% if seq is not none %}
union all {{ moved_days(facts, ['case_id', 'step_id', 'visit'], seq) }}
{% if people %}
union all {{ changed_people_days(people, seq) }}
{% endif %}
{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

with counted as (
    select * from {{ facts }}
    where {{ on_days('ended_on', days) }}
        and ended_on is not null and status = 'completed'
)

select
    counted.case_id,
    counted.visit,
    cast(counted.ended_on as date) as event_date,
    counted.template_id,
    counted.template_id as template_label,
    counted.role as role_id,
    counted.role as role_label,
    counted.step_id,
    counted.step_id as step_label,
    counted.assignee_id,
    {{ person_columns(people, 'counted') }},
    counted.kind,
    counted.outcome,
    counted.again,
    counted.is_sent_back,
    counted.returned_to,
    counted.return_status,
    counted.entered_at,
    counted.ended_at,
    counted.waiting_minutes,
    {{ exact('counted.working_minutes') }} as numerator,
    {{ exact('60') }} as denominator,
    {{ person_batch_seq(people, 'counted') }} as _batch_seq
from counted
{{ join_people(people, 'counted') }}
{{ in_order_of_days(days) }}
