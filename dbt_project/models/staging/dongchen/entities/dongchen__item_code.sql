select
    cast('erp' as varchar) as system,
    cast(item_no as varchar) as code,
    cast(item_no as varchar) as item_id,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__items') }}

union all

select
    cast(system as varchar) as system,
    cast(code as varchar) as code,
    cast(item_no as varchar) as item_id,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__item_codes') }}
where system <> 'erp'
