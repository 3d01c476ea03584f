with source as (
    select * from {{ source('finance', 'ledger_margin') }}
    where _is_current
),

renamed as (
    select
        entry_id,
        order_no,
        line_no,
        posted_on,
        revenue as revenue_amount,
        material_cost as material_cost_amount,
        freight as freight_amount,
        rebate as rebate_amount,
        _batch_seq
    from source
)

select * from renamed
