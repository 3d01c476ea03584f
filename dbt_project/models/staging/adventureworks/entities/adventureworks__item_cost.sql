select
    cast(item_id as varchar) as item_id,
    cast(valid_from as date) as valid_from,
    cast(valid_to as date) as valid_to,
    cast(standard_cost as decimal(18,4)) as unit_cost,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_production__cost') }}
