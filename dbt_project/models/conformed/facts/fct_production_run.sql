{{ config(enabled=pack_provides(['production_run', 'downtime', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set production_run = pack_entity('production_run') %}
{%- set touched %}
    {{ new_days(production_run, seq) }}
    union all
    {{ moved_days(production_run, ['run_id'], seq) }}
    union all
    {{ recoded_days('item', seq) }}
    union all
    select held.event_date
    from {{ this }} as held
    inner join {{ ref('fct_downtime') }} as stops on stops.run_id = held.run_id
    where {{ is_new(seq, 'stops') }}
    {{ or_vanished_days('production_run', production_run, ['run_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with runs as (
    select * from {{ production_run }}
    where {{ on_days('event_date', days) }}
),

stops as (
    select
        run_id,
        sum(minutes) as downtime_minutes,
        max(_batch_seq) as _batch_seq
    from {{ ref('fct_downtime') }}
    where run_id in (select run_id from runs)
    group by run_id
)

select
    runs.run_id,
    runs.work_order_no,
    runs.line_code,
    runs.item_system,
    runs.item_code,
    runs.event_at,
    runs.clock_source,
    runs.event_date,
    runs.planned_minutes,
    cast(coalesce(stops.downtime_minutes, 0) as decimal(18,4)) as downtime_minutes,
    runs.total_count,
    runs.good_count,
    runs.ideal_cycle_seconds,
    {{ code_id('item') }} as item_id,
    greatest(runs._batch_seq, coalesce(stops._batch_seq, -1), coalesce(item_codes._batch_seq, -1)) as _batch_seq
from runs
left join stops on stops.run_id = runs.run_id
{{ join_code('item', 'runs') }}
{{ in_order_of_days(days) }}
