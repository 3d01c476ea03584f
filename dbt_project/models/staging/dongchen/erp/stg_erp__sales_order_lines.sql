with source as (
    select * from {{ source('erp', 'sales_order_lines') }}
    where _is_current
),

renamed as (
    select
        order_no,
        line_no,
        customer_no,
        item_no,
        ordered_at,
        quantity,
        unit_price,
        currency,
        promised_date,
        status = 'cancelled' as is_cancelled,
        _batch_seq
    from source
)

select * from renamed
