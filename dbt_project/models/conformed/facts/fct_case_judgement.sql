{% set rows = ref('stg_trueloop__judgement') %}
{% set day = utc_to_local_date('judged_at') %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(rows, seq, day) }}
{% if seq is not none %}union all {{ moved_days(rows, ['case_id', 'judgement'], seq) }}{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

select
    cast(case_id as varchar) as case_id,
    cast(judgement as integer) as judgement,
    cast({{ day }} as date) as event_date,
    cast(template_id as varchar) as template_id,
    cast(metric as varchar) as metric,
    cast(is_effective as boolean) as is_effective,
    cast(figures_as_of as date) as figures_as_of,
    cast(_batch_seq as bigint) as _batch_seq
from {{ rows }}
where {{ on_days(day, days) }}
{{ in_order_of_days(days) }}
