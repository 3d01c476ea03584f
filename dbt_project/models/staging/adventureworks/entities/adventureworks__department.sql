select
    cast(department_id as varchar) as department_id,
    cast(department_name as varchar) as department_name,
    cast(null as varchar) as country,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_humanresources__department') }}
