with source as (
    select * from {{ source('trueloop', 'open_work') }} where _is_current
),

renamed as (
    select
        stated_on,
        template_id,
        step_id,
        role,
        assignee_id,
        stated_at,
        open_tasks,
        weight,
        overdue_tasks,
        _batch_seq
    from source
)

select * from renamed
