select
    cast(department_code as varchar) as department_id,
    cast(department_name as varchar) as department_name,
    cast(country as varchar) as country,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_hr__departments') }}
