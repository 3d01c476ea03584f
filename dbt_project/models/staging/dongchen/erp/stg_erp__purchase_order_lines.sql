with source as (
    select * from {{ source('erp', 'purchase_order_lines') }}
    where _is_current
),

renamed as (
    select
        po_no,
        line_no as po_line_no,
        supplier_no,
        item_no,
        ordered_on,
        due_date,
        quantity,
        unit_price,
        contract_price,
        _batch_seq
    from source
)

select * from renamed
