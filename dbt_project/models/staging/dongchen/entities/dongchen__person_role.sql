select
    cast(employee_no as varchar) as person_id,
    cast(role as varchar) as role,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_hr__employee_roles') }}
