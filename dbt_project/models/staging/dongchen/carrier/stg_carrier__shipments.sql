with source as (
    select * from {{ source('carrier', 'shipments') }}
    where _is_current
),

renamed as (
    select
        tracking_no,
        delivery_no,
        picked_up_at,
        delivered_at,
        {{ to_kilograms('weight', 'weight_unit') }} as weight_kg,
        _batch_seq
    from source
)

select * from renamed
