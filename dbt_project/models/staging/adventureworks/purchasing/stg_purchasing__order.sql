with source as (
    select * from {{ source('purchasing', 'purchaseorderheader') }} where _is_current
),

renamed as (
    select
        cast(purchase_order_id as {{ dbt.type_string() }}) as purchase_order_no,
        cast(vendor_id as {{ dbt.type_string() }}) as supplier_id,
        cast(employee_id as {{ dbt.type_string() }}) as buyer_id,
        case status when 1 then 'pending' when 2 then 'approved' when 3 then 'rejected' when 4 then 'complete' end as order_status,
        order_date as ordered_on,
        _batch_seq
    from source
)

select * from renamed
