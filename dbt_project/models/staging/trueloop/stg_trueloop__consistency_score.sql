with source as (
    select * from {{ source('trueloop', 'consistency_scores') }} where _is_current
),

renamed as (
    select
        metric,
        stated_on,
        stated_at,
        score,
        deductions,
        snapshot_id,
        _batch_seq
    from source
)

select * from renamed
