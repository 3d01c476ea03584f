with source as (
    select * from {{ source('trueloop', 'closings') }} where _is_current
),

renamed as (
    select
        case_id,
        closing,
        template_id,
        outcome,
        began_at,
        closed_at,
        working_minutes,
        returns,
        _batch_seq
    from source
)

select * from renamed
