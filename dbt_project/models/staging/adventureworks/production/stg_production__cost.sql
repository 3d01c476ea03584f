with source as (
    select * from {{ source('production', 'productcosthistory') }} where _is_current
),

renamed as (
    select
        cast(product_id as {{ dbt.type_string() }}) as item_id,
        start_date as valid_from,
        end_date as valid_to,
        standard_cost,
        _batch_seq
    from source
)

select * from renamed
