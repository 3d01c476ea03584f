select
    cast(run_id as varchar) as run_id,
    cast(work_order_no as varchar) as work_order_no,
    cast(line_code as varchar) as line_code,
    cast('mes' as varchar) as item_system,
    cast(item_code as varchar) as item_code,
    cast(event_at as timestamp) as event_at,
    cast(clock_source as varchar) as clock_source,
    cast(event_at as date) as event_date,
    cast(planned_minutes as decimal(18,4)) as planned_minutes,
    cast(total_count as decimal(18,4)) as total_count,
    cast(good_count as decimal(18,4)) as good_count,
    cast(ideal_cycle_seconds as decimal(18,4)) as ideal_cycle_seconds,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_mes__production_runs') }}
