select
    cast(change_no as varchar) as change_no,
    cast(order_no as varchar) as order_no,
    cast(line_no as integer) as line_no,
    cast(kind as varchar) as kind,
    cast(requested_at as timestamp) as requested_at,
    cast(approved_at as timestamp) as approved_at,
    cast(requested_at as date) as event_date,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__order_changes') }}
