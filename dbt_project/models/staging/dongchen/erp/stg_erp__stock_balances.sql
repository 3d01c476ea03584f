with source as (
    select * from {{ source('erp', 'stock_balances') }}
    where _is_current
),

renamed as (
    select
        as_of_date as balance_date,
        item_no,
        warehouse,
        quantity,
        blocked_quantity,
        _batch_seq
    from source
)

select * from renamed
