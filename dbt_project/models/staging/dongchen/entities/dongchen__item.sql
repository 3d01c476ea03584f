select
    cast(item_no as varchar) as item_id,
    cast(item_name as varchar) as item_label,
    cast(item_group as varchar) as item_group,
    cast(uom as varchar) as uom,
    cast(standard_cost as decimal(18,4)) as standard_cost,
    cast(safety_stock as decimal(18,4)) as safety_stock,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__items') }}
