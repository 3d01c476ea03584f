{% set rows = ref('stg_trueloop__step_visit') %}
{% set day = utc_to_local_date('entered_at') %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(rows, seq, day) }}
{% if seq is not none %}union all {{ moved_days(rows, ['case_id', 'step_id', 'visit'], seq) }}{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

select
    cast(case_id as varchar) as case_id,
    cast(step_id as varchar) as step_id,
    cast(visit as integer) as visit,
    cast({{ day }} as date) as event_date,
    cast(template_id as varchar) as template_id,
    cast(kind as varchar) as kind,
    cast(status as varchar) as status,
    cast(outcome as varchar) as outcome,
    cast(role as varchar) as role,
    cast(assignee_id as varchar) as assignee_id,
    cast(entered_at as timestamp) as entered_at,
    cast(ended_at as timestamp) as ended_at,
    cast({{ utc_to_local_date('ended_at') }} as date) as ended_on,
    cast(again as varchar) as again,
    cast(is_sent_back as boolean) as is_sent_back,
    cast(returned_to as varchar) as returned_to,
    cast(return_status as varchar) as return_status,
    cast(reassignments as integer) as reassignments,
    cast(rungs_fired as integer) as rungs_fired,
    cast(working_minutes as decimal(28,6)) as working_minutes,
    cast(waiting_minutes as decimal(28,6)) as waiting_minutes,
    cast(_batch_seq as bigint) as _batch_seq
from {{ rows }}
where {{ on_days(day, days) }}
{{ in_order_of_days(days) }}
