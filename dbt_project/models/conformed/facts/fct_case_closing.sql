{% set rows = ref('stg_trueloop__closing') %}
{% set day = utc_to_local_date('closed_at') %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(rows, seq, day) }}
{% if seq is not none %}union all {{ moved_days(rows, ['case_id', 'closing'], seq) }}{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

select
    cast(case_id as varchar) as case_id,
    cast(closing as integer) as closing,
    cast({{ day }} as date) as event_date,
    cast(template_id as varchar) as template_id,
    cast(outcome as varchar) as outcome,
    cast(working_minutes as decimal(28,6)) as working_minutes,
    cast(returns as integer) as returns,
    cast(_batch_seq as bigint) as _batch_seq
from {{ rows }}
where {{ on_days(day, days) }}
{{ in_order_of_days(days) }}
