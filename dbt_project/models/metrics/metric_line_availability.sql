{{ config(enabled=pack_provides(['production_run', 'downtime', 'item'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_production_run'), seq) }}
    union all
    {{ moved_days(ref('fct_production_run'), ['run_id'], seq) }}
    union all
    {{ changed_member_days(ref('dim_item'), ['item_id'], seq, '_facts_seq') }}
    {{ or_vanished_days('production_run', ref('fct_production_run'), ['run_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with runs as (
    select * from {{ ref('fct_production_run') }}
    where {{ on_days('event_date', days) }}
)

select
    runs.run_id,
    runs.event_date,
    runs.line_code,
    coalesce(runs.item_id, runs.item_code) as item_id,
    coalesce(items.item_label, runs.item_code) as item_label,
    {{ exact('runs.planned_minutes - runs.downtime_minutes') }} as numerator,
    {{ exact('runs.planned_minutes') }} as denominator,
    greatest(runs._batch_seq, coalesce(items._facts_seq, -1)) as _batch_seq
from runs
left join {{ ref('dim_item') }} as items
    on items.item_id = runs.item_id and items.is_current
{{ in_order_of_days(days) }}
