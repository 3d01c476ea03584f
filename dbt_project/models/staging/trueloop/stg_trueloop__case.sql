with source as (
    select * from {{ source('trueloop', 'cases') }} where _is_current
),

renamed as (
    select
        case_id,
        template_id,
        status,
        outcome,
        subject_kind,
        subject_id,
        metric,
        rule_id,
        opened_at,
        closed_at,
        working_minutes_open,
        effective,
        judged_at,
        coalesce(returns, 0) as returns,
        _batch_seq
    from source
)

select * from renamed
