{# The export's days run exactly 4,017 days before those of the other tables: its 3,250 purchase transactions fall on the
   order days of their purchase orders once that is added. #}
with source as (
    select * from {{ source('production', 'transactionhistory') }} where _is_current
),

renamed as (
    select
        cast(transaction_id as {{ dbt.type_string() }}) as transaction_id,
        cast(product_id as {{ dbt.type_string() }}) as item_id,
        cast(reference_order_id as {{ dbt.type_string() }}) as order_id,
        cast({{ dbt.dateadd('day', 4017, 'transaction_date') }} as date) as happened_on,
        transaction_type,
        quantity,
        actual_cost as unit_price,
        _batch_seq
    from source
)

select * from renamed
