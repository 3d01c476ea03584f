select
    cast(supplier_id as varchar) as supplier_id,
    cast(supplier_name as varchar) as supplier_label,
    cast(null as varchar) as country,
    cast(case credit_rating when 1 then 'superior credit' when 2 then 'excellent credit' when 3 then 'above average credit' when 4 then 'average credit' when 5 then 'below average credit' end as varchar) as category,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_purchasing__vendor') }}
