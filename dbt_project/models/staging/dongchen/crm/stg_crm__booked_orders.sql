with source as (
    select * from {{ source('crm', 'booked_orders') }}
    where _is_current
),

renamed as (
    select
        booking_id,
        order_no,
        line_no,
        account_id,
        product_code,
        booked_at,
        revenue_amount,
        cost_amount,
        freight_estimate,
        _batch_seq
    from source
)

select * from renamed
