{% set rows = ref('stg_trueloop__rating') %}
{% set day = utc_to_local_date('rated_at') %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(rows, seq, day) }}
{% if seq is not none %}union all {{ moved_days(rows, ['case_id', 'person_id'], seq) }}{% endif %}
{% endset %}
{% set days = touched_days(touched) %}

select
    cast(case_id as varchar) as case_id,
    cast(person_id as varchar) as person_id,
    cast({{ day }} as date) as event_date,
    cast(template_id as varchar) as template_id,
    cast(score as integer) as score,
    cast(_batch_seq as bigint) as _batch_seq
from {{ rows }}
where {{ on_days(day, days) }}
{{ in_order_of_days(days) }}
