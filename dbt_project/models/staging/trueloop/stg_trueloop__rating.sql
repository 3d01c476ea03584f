with source as (
    select * from {{ source('trueloop', 'ratings') }} where _is_current
),

renamed as (
    select
        case_id,
        person_id,
        template_id,
        score,
        rated_at,
        _batch_seq
    from source
)

select * from renamed
