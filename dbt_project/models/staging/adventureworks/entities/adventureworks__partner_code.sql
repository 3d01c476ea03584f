select
    cast('purchasing' as varchar) as system,
    cast('supplier' as varchar) as kind,
    cast(supplier_id as varchar) as code,
    cast(supplier_id as varchar) as partner_id,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_purchasing__vendor') }}
