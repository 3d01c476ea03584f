select
    cast(receipt_no as varchar) as receipt_no,
    cast(po_no as varchar) as po_no,
    cast(po_line_no as integer) as po_line_no,
    cast('wms' as varchar) as supplier_system,
    cast(supplier_code as varchar) as supplier_code,
    cast('wms' as varchar) as item_system,
    cast(sku as varchar) as item_code,
    cast(received_at as timestamp) as received_at,
    cast(received_at as date) as event_date,
    cast(quantity_ea as decimal(18,4)) as received_quantity,
    cast(rejected_quantity_ea as decimal(18,4)) as rejected_quantity,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_wms__receipts') }}
