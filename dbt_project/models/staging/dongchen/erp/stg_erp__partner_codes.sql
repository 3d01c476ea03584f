with source as (
    select * from {{ source('erp', 'partner_codes') }}
    where _is_current
),

renamed as (
    select
        system,
        kind,
        code,
        erp_no,
        _batch_seq
    from source
)

select * from renamed
