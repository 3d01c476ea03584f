with source as (
    select * from {{ source('trueloop', 'step_visits') }} where _is_current
),

renamed as (
    select
        case_id,
        step_id,
        visit,
        template_id,
        kind,
        status,
        outcome,
        role,
        assignee_id,
        entered_at,
        ended_at,
        again,
        coalesce(sent_back, false) as is_sent_back,
        returned_to,
        return_status,
        coalesce(reassignments, 0) as reassignments,
        coalesce(rungs_fired, 0) as rungs_fired,
        working_minutes,
        waiting_minutes,
        _batch_seq
    from source
)

select * from renamed
