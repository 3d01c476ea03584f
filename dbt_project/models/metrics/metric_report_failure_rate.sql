{% set facts = ref('fct_run') %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(facts, seq, 'ended_on') }}
{% if seq is not none %}union all {{ moved_days(facts, ['run_id'], seq) }}{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

select
    run_id,
    cast(ended_on as date) as event_date,
    job_name as job_id,
    job_name as job_label,
    {{ exact("case when status = 'FAILURE' then 1 else 0 end") }} as numerator,
    {{ exact('1') }} as denominator,
    _batch_seq
from {{ facts }}
where {{ on_days('ended_on', days) }}
    and ended_on is not null
    and status in ('SUCCESS', 'FAILURE')
    and (job_name like '%refresh%' or job_name like '%analysis%')
{{ in_order_of_days(days) }}
