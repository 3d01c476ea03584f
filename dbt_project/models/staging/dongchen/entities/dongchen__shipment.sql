select
    cast(tracking_no as varchar) as tracking_no,
    cast(delivery_no as varchar) as delivery_no,
    cast(picked_up_at as timestamp) as picked_up_at,
    cast(delivered_at as timestamp) as delivered_at,
    cast(coalesce(delivered_at, picked_up_at) as date) as event_date,
    cast(weight_kg as decimal(18,4)) as weight_kg,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_carrier__shipments') }}
