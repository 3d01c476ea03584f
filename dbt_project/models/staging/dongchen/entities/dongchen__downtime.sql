select
    cast(downtime_id as varchar) as downtime_id,
    cast(run_id as varchar) as run_id,
    cast(line_code as varchar) as line_code,
    cast(event_at as timestamp) as event_at,
    cast(event_at as date) as event_date,
    cast(minutes as decimal(18,4)) as minutes,
    cast(reason as varchar) as reason,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_mes__downtime_events') }}
