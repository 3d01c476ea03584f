{{ config(enabled=pack_provides(['downtime', 'production_run'])) }}
{%- set seq = watermark() %}
{%- set downtime = pack_entity('downtime') %}
{%- set touched %}
    {{ new_days(downtime, seq) }}
    union all
    {{ moved_days(downtime, ['downtime_id'], seq) }}
    union all
    {{ adopted_days(pack_entity('production_run'), ['run_id'], 'run_matched', seq) }}
    {{ or_vanished_days('downtime', downtime, ['downtime_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with stops as (
    select * from {{ downtime }}
    where {{ on_days('event_date', days) }}
),

parents as (
    select run_id, _batch_seq
    from {{ pack_entity('production_run') }}
    where run_id in (select run_id from stops)
)

select
    stops.downtime_id,
    stops.run_id,
    stops.line_code,
    stops.event_at,
    stops.event_date,
    stops.minutes,
    stops.reason,
    parents.run_id is not null as run_matched,
    greatest(stops._batch_seq, coalesce(parents._batch_seq, -1)) as _batch_seq
from stops
left join parents
    on parents.run_id = stops.run_id
{{ in_order_of_days(days) }}
