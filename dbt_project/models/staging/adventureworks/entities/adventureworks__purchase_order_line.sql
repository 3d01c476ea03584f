with line as (
    select * from {{ ref('stg_purchasing__order_line') }}
),

orders as (
    select * from {{ ref('stg_purchasing__order') }}
)

select
    cast(line.purchase_order_no as varchar) as po_no,
    cast(line.line_no as integer) as po_line_no,
    cast('purchasing' as varchar) as supplier_system,
    cast(coalesce(orders.supplier_id, 'no order') as varchar) as supplier_code,
    cast('production' as varchar) as item_system,
    cast(line.item_id as varchar) as item_code,
    cast(coalesce(orders.ordered_on, line.due_on) as date) as event_date,
    cast(line.due_on as date) as due_date,
    cast(line.ordered_quantity as decimal(18,4)) as quantity,
    cast(line.unit_price as decimal(18,4)) as unit_price,
    cast(null as decimal(18,4)) as contract_price,
    cast(greatest(line._batch_seq, coalesce(orders._batch_seq, 0)) as bigint) as _batch_seq
from line
left join orders on line.purchase_order_no = orders.purchase_order_no
