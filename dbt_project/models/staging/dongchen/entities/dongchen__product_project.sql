select
    cast(project_code as varchar) as project_code,
    cast(product_name as varchar) as product_name,
    cast(owner_login as varchar) as owner_login,
    cast(requested_at as timestamp) as requested_at,
    cast(approved_at as timestamp) as approved_at,
    cast(requested_at as date) as event_date,
    cast(stage as varchar) as stage,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_npi__projects') }}
