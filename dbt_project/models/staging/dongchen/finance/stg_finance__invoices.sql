with source as (
    select * from {{ source('finance', 'invoices') }}
    where _is_current
),

renamed as (
    select
        invoice_no,
        order_no,
        customer_ref,
        invoiced_at,
        amount,
        due_date,
        _batch_seq
    from source
)

select * from renamed
