with source as (
    select * from {{ source('wms', 'receipts') }}
    where _is_current
),

renamed as (
    select
        receipt_no,
        po_no,
        po_line_no,
        supplier_code,
        sku,
        received_at,
        {{ to_ea('quantity', 'uom') }} as quantity_ea,
        {{ to_ea('rejected_quantity', 'uom') }} as rejected_quantity_ea,
        _batch_seq
    from source
)

select * from renamed
