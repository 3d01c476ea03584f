select
    cast(employee_no as varchar) as person_id,
    cast(employee_name as varchar) as name,
    cast(email as varchar) as email,
    cast(login as varchar) as login,
    cast(job_title as varchar) as title,
    cast(department_code as varchar) as department_id,
    cast(manager_employee_no as varchar) as manager_id,
    cast(hired_on as date) as hired_on,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_hr__employees') }}
