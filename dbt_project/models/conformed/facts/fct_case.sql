{% set cases = ref('stg_trueloop__case') %}
{% set day = utc_to_local_date('opened_at') %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(cases, seq, day) }}
{% if seq is not none %}union all {{ moved_days(cases, ['case_id'], seq) }}{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

select
    cast(case_id as varchar) as case_id,
    cast({{ day }} as date) as event_date,
    cast(template_id as varchar) as template_id,
    cast(status as varchar) as status,
    cast(outcome as varchar) as outcome,
    cast(subject_kind as varchar) as subject_kind,
    cast(subject_id as varchar) as subject_id,
    cast(metric as varchar) as metric,
    cast(rule_id as varchar) as rule_id,
    cast({{ utc_to_local_date('closed_at') }} as date) as closed_on,
    cast(working_minutes_open as decimal(28,6)) as working_minutes_open,
    cast(effective as boolean) as is_effective,
    cast({{ utc_to_local_date('judged_at') }} as date) as judged_on,
    cast(returns as integer) as returns,
    cast(_batch_seq as bigint) as _batch_seq
from {{ cases }}
where {{ on_days(day, days) }}
{{ in_order_of_days(days) }}
