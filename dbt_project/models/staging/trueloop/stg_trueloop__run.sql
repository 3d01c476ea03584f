with source as (
    select * from {{ source('trueloop', 'runs') }} where _is_current
),

renamed as (
    select
        run_id,
        job_name,
        upper(status) as status,
        started_at,
        ended_at,
        batch_id,
        case_id,
        _batch_seq
    from source
)

select * from renamed
