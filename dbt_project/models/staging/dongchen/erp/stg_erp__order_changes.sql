with source as (
    select * from {{ source('erp', 'order_changes') }}
    where _is_current
),

renamed as (
    select
        change_no,
        order_no,
        line_no,
        requested_at,
        approved_at,
        kind,
        _batch_seq
    from source
)

select * from renamed
