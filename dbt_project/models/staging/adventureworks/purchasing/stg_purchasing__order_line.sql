with source as (
    select * from {{ source('purchasing', 'purchaseorderdetail') }} where _is_current
),

renamed as (
    select
        cast(purchase_order_id as {{ dbt.type_string() }}) as purchase_order_no,
        cast(line_id as {{ dbt.type_int() }}) as line_no,
        cast(product_id as {{ dbt.type_string() }}) as item_id,
        due_date as due_on,
        unit_price,
        ordered_quantity,
        received_quantity,
        rejected_quantity,
        stocked_quantity,
        _batch_seq
    from source
)

select * from renamed
