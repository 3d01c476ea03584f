with source as (
    select * from {{ source('finance', 'payments') }}
    where _is_current
),

renamed as (
    select
        payment_id,
        invoice_no,
        paid_at,
        amount,
        _batch_seq
    from source
)

select * from renamed
