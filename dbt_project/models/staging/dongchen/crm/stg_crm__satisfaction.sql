with source as (
    select * from {{ source('crm', 'satisfaction') }}
    where _is_current
),

renamed as (
    select
        survey_id,
        account_id,
        order_no,
        surveyed_at,
        score,
        _batch_seq
    from source
)

select * from renamed
