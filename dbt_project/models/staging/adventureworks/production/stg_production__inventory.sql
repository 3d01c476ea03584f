with source as (
    select * from {{ source('production', 'productinventory') }} where _is_current
),

renamed as (
    select
        cast(product_id as {{ dbt.type_string() }}) as item_id,
        cast(location_id as {{ dbt.type_string() }}) as location_id,
        quantity,
        modified_on as changed_on,
        _batch_seq
    from source
)

select * from renamed
