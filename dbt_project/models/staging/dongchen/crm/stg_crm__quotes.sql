with source as (
    select * from {{ source('crm', 'quotes') }}
    where _is_current
),

renamed as (
    select
        quote_no,
        account_id,
        product_code,
        quoted_at,
        quantity,
        price,
        sales_login,
        _batch_seq
    from source
)

select * from renamed
