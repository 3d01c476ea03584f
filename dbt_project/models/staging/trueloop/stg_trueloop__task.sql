with source as (
    select * from {{ source('trueloop', 'tasks') }} where _is_current
),

renamed as (
    select
        task_id,
        case_id,
        template_id,
        step_id,
        role,
        assignee_id,
        created_at,
        due_at,
        decided_at,
        outcome,
        working_minutes,
        coalesce(breached, false) as is_breached,
        coalesce(rungs_fired, 0) as rungs_fired,
        coalesce(purpose, 'decide') as purpose,
        ended_at,
        coalesce(by_default, false) as is_by_default,
        _batch_seq
    from source
)

select * from renamed
