with source as (
    select * from {{ source('production', 'productsubcategory') }} where _is_current
),

renamed as (
    select
        cast(product_subcategory_id as {{ dbt.type_string() }}) as subcategory_id,
        subcategory_name,
        _batch_seq
    from source
)

select * from renamed
