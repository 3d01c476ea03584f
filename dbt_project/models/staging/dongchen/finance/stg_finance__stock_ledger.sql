with source as (
    select * from {{ source('finance', 'stock_ledger') }}
    where _is_current
),

renamed as (
    select
        as_of_date as ledger_date,
        item_ref,
        quantity,
        value as stock_value,
        returns_quantity,
        _batch_seq
    from source
)

select * from renamed
