with source as (
    select * from {{ source('hr', 'employees') }}
    where _is_current
),

renamed as (
    select
        employee_no,
        name as employee_name,
        email,
        login,
        job_title,
        department_code,
        manager_employee_no,
        hired_on,
        _batch_seq
    from source
)

select * from renamed
