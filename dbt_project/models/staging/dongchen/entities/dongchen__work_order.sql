select
    cast(work_order_no as varchar) as work_order_no,
    cast('mes' as varchar) as item_system,
    cast(item_code as varchar) as item_code,
    cast(line_code as varchar) as line_code,
    cast(planned_start as timestamp) as planned_start,
    cast(planned_start as date) as event_date,
    cast(quantity as decimal(18,4)) as quantity,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_mes__work_orders') }}
