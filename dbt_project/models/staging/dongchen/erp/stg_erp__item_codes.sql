with source as (
    select * from {{ source('erp', 'item_codes') }}
    where _is_current
),

renamed as (
    select
        system,
        code,
        item_no,
        _batch_seq
    from source
)

select * from renamed
