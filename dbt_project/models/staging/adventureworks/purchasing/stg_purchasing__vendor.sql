with source as (
    select * from {{ source('purchasing', 'vendor') }} where _is_current
),

renamed as (
    select
        cast(vendor_id as {{ dbt.type_string() }}) as supplier_id,
        vendor_name as supplier_name,
        account_number,
        credit_rating,
        is_active,
        _batch_seq
    from source
)

select * from renamed
