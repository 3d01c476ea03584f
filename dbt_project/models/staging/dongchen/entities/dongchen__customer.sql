select
    cast(customer_no as varchar) as customer_id,
    cast(customer_name as varchar) as customer_label,
    cast(region as varchar) as region,
    cast(segment as varchar) as segment,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__customers') }}
