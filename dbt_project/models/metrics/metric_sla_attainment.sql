{% set facts = ref('fct_task') %}
{#- Who decided is known by name and department only where the pack has a people directory. -#}
{% set people = ref('dim_person') if pack_provides(['person', 'department']) %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(facts, seq, 'decided_on') }}
{% if seq is not none %}
union all {{ moved_days(facts, ['task_id'], seq) }}
{% if people %}
union all {{ changed_member_days('(select person_id as assignee_id, _batch_seq from ' ~ people ~ ')', ['assignee_id'], seq) }}
union all
select held.event_date
from {{ this }} as held
left join {{ people }} as standing on standing.person_id = held.assignee_id
where standing.person_id is null and held.department_id <> 'unknown'
{% endif %}
{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

with tasks as (
    select * from {{ facts }}
    where {{ on_days('decided_on', days) }}
        and decided_on is not null
)

select
    tasks.task_id,
    cast(tasks.decided_on as date) as event_date,
    tasks.template_id,
    tasks.template_id as template_label,
    tasks.role as role_id,
    tasks.role as role_label,
    tasks.step_id,
    tasks.step_id as step_label,
    tasks.assignee_id,
    {% if people -%}
    coalesce(people.name, tasks.assignee_id) as assignee_label,
    coalesce(people.department_id, 'unknown') as department_id,
    coalesce(people.department_name, people.department_id, 'unknown') as department_label,
    {%- else -%}
    tasks.assignee_id as assignee_label,
    cast('unknown' as {{ dbt.type_string() }}) as department_id,
    cast('unknown' as {{ dbt.type_string() }}) as department_label,
    {%- endif %}
    {{ exact('case when tasks.is_breached then 0 else 1 end') }} as numerator,
    {{ exact('1') }} as denominator,
    {% if people -%}
    greatest(tasks._batch_seq, coalesce(people._batch_seq, -1)) as _batch_seq
    {%- else -%}
    tasks._batch_seq
    {%- endif %}
from tasks
{% if people -%}
left join {{ people }} as people on people.person_id = tasks.assignee_id
{%- endif %}
{{ in_order_of_days(days) }}
