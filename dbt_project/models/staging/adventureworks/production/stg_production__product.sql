with source as (
    select * from {{ source('production', 'product') }} where _is_current
),

renamed as (
    select
        cast(product_id as {{ dbt.type_string() }}) as item_id,
        product_number,
        product_name as item_name,
        cast(product_subcategory_id as {{ dbt.type_string() }}) as subcategory_id,
        is_made,
        is_finished_good,
        safety_stock_level as safety_stock,
        standard_cost,
        _batch_seq
    from source
)

select * from renamed
