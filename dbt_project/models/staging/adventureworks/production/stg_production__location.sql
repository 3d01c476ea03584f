with source as (
    select * from {{ source('production', 'location') }} where _is_current
),

renamed as (
    select
        cast(location_id as {{ dbt.type_string() }}) as location_id,
        location_name,
        _batch_seq
    from source
)

select * from renamed
