{% set runs = ref('stg_trueloop__run') %}
{% set day = utc_to_local_date('coalesce(started_at, ended_at)') %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(runs, seq, day) }}
{% if seq is not none %}union all {{ moved_days(runs, ['run_id'], seq) }}{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

select
    cast(run_id as varchar) as run_id,
    cast({{ day }} as date) as event_date,
    cast(job_name as varchar) as job_name,
    cast(status as varchar) as status,
    cast({{ utc_to_local_date('ended_at') }} as date) as ended_on,
    cast(batch_id as varchar) as batch_id,
    cast(case_id as varchar) as case_id,
    cast(_batch_seq as bigint) as _batch_seq
from {{ runs }}
where {{ on_days(day, days) }}
    and coalesce(started_at, ended_at) is not null
{{ in_order_of_days(days) }}
