with source as (
    select * from {{ source('npi', 'projects') }}
    where _is_current
),

renamed as (
    select
        project_code,
        product_name,
        owner_login,
        requested_at,
        approved_at,
        stage,
        _batch_seq
    from source
)

select * from renamed
