{# All systems of this company share one key for products, so each product is listed under itself. #}
select
    cast('production' as varchar) as system,
    cast(item_id as varchar) as code,
    cast(item_id as varchar) as item_id,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_production__product') }}
