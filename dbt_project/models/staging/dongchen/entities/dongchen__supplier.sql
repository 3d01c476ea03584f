select
    cast(supplier_no as varchar) as supplier_id,
    cast(supplier_name as varchar) as supplier_label,
    cast(country as varchar) as country,
    cast(category as varchar) as category,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__suppliers') }}
