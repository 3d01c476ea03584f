{# One receipt a line: the export gives the received quantity of the line, not single deliveries, and no day of receipt. The
   due date stands in for it, so nothing about punctuality may be read from this entity. #}
with line as (
    select * from {{ ref('stg_purchasing__order_line') }}
),

orders as (
    select * from {{ ref('stg_purchasing__order') }}
)

select
    cast(line.line_no as varchar) as receipt_no,
    cast(line.purchase_order_no as varchar) as po_no,
    cast(line.line_no as integer) as po_line_no,
    cast('purchasing' as varchar) as supplier_system,
    cast(coalesce(orders.supplier_id, 'no order') as varchar) as supplier_code,
    cast('production' as varchar) as item_system,
    cast(line.item_id as varchar) as item_code,
    cast(line.due_on as timestamp) as received_at,
    cast(line.due_on as date) as event_date,
    cast(line.received_quantity as decimal(18,4)) as received_quantity,
    cast(line.rejected_quantity as decimal(18,4)) as rejected_quantity,
    cast(greatest(line._batch_seq, coalesce(orders._batch_seq, 0)) as bigint) as _batch_seq
from line
left join orders on line.purchase_order_no = orders.purchase_order_no
