{% set tasks = ref('stg_trueloop__task') %}
{% set day = utc_to_local_date('created_at') %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(tasks, seq, day) }}
{% if seq is not none %}union all {{ moved_days(tasks, ['task_id'], seq) }}{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

select
    cast(task_id as varchar) as task_id,
    cast({{ day }} as date) as event_date,
    cast(case_id as varchar) as case_id,
    cast(template_id as varchar) as template_id,
    cast(step_id as varchar) as step_id,
    cast(role as varchar) as role,
    cast(assignee_id as varchar) as assignee_id,
    cast({{ utc_to_local_date('decided_at') }} as date) as decided_on,
    cast(outcome as varchar) as outcome,
    cast(working_minutes as decimal(28,6)) as working_minutes,
    cast(is_breached as boolean) as is_breached,
    cast(rungs_fired as integer) as rungs_fired,
    cast(purpose as varchar) as purpose,
    cast({{ utc_to_local_date('due_at') }} as date) as due_on,
    cast({{ utc_to_local_date('ended_at') }} as date) as ended_on,
    cast(is_by_default as boolean) as is_by_default,
    cast(_batch_seq as bigint) as _batch_seq
from {{ tasks }}
where {{ on_days(day, days) }}
{{ in_order_of_days(days) }}
