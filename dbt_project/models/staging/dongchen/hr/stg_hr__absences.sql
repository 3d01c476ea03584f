with source as (
    select * from {{ source('hr', 'absences') }}
    where _is_current
),

renamed as (
    select
        absence_id,
        employee_no,
        starts_on,
        ends_on,
        kind,
        _batch_seq
    from source
)

select * from renamed
