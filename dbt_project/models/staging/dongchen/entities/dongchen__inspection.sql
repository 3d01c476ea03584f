select
    cast(inspection_id as varchar) as inspection_id,
    cast(work_order_no as varchar) as work_order_no,
    cast('mes' as varchar) as item_system,
    cast(item_code as varchar) as item_code,
    cast(inspected_at as timestamp) as inspected_at,
    cast(inspected_at as date) as event_date,
    cast(inspected_quantity as decimal(18,4)) as inspected_quantity,
    cast(first_pass_quantity as decimal(18,4)) as first_pass_quantity,
    cast(reworked_quantity as decimal(18,4)) as reworked_quantity,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_mes__inspections') }}
