with source as (
    select * from {{ source('trueloop', 'judgements') }} where _is_current
),

renamed as (
    select
        case_id,
        judgement,
        template_id,
        metric,
        effective as is_effective,
        judged_at,
        figures_as_of,
        _batch_seq
    from source
)

select * from renamed
