select
    cast(po_no as varchar) as po_no,
    cast(po_line_no as integer) as po_line_no,
    cast('erp' as varchar) as supplier_system,
    cast(supplier_no as varchar) as supplier_code,
    cast('erp' as varchar) as item_system,
    cast(item_no as varchar) as item_code,
    cast(ordered_on as date) as event_date,
    cast(due_date as date) as due_date,
    cast(quantity as decimal(18,4)) as quantity,
    cast(unit_price as decimal(18,4)) as unit_price,
    cast(contract_price as decimal(18,4)) as contract_price,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__purchase_order_lines') }}
