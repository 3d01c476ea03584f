with source as (
    select * from {{ source('erp', 'order_freight') }}
    where _is_current
),

renamed as (
    select
        freight_no,
        order_no,
        line_no,
        amount,
        booked_on,
        _batch_seq
    from source
)

select * from renamed
