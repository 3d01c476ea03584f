select
    cast(absence_id as varchar) as absence_id,
    cast(employee_no as varchar) as person_id,
    cast(starts_on as date) as starts_on,
    cast(ends_on as date) as ends_on,
    cast(kind as varchar) as kind,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_hr__absences') }}
