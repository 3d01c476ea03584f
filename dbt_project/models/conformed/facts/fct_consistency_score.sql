{% set scores = ref('stg_trueloop__consistency_score') %}
{% set seq = watermark() %}
{% set days = touched_days(new_days(scores, seq, 'stated_on')) %}

select
    cast(metric as varchar) as metric,
    cast(stated_on as date) as event_date,
    cast(score as decimal(9,4)) as score,
    cast(deductions as integer) as deductions,
    cast(snapshot_id as varchar) as snapshot_id,
    cast(_batch_seq as bigint) as _batch_seq
from {{ scores }}
where {{ on_days('stated_on', days) }}
{{ in_order_of_days(days) }}
