select
    cast('erp' as varchar) as claimant,
    cast(balance_date as date) as event_date,
    cast('erp' as varchar) as item_system,
    cast(item_no as varchar) as item_code,
    cast(warehouse as varchar) as warehouse,
    cast(quantity as decimal(18,4)) as quantity,
    cast(null as decimal(18,4)) as stock_value,
    cast(blocked_quantity as decimal(18,4)) as blocked_quantity,
    cast(null as decimal(18,4)) as returns_quantity,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__stock_balances') }}

union all

select
    cast('finance' as varchar) as claimant,
    cast(ledger_date as date) as event_date,
    cast('finance' as varchar) as item_system,
    cast(item_ref as varchar) as item_code,
    cast('all' as varchar) as warehouse,
    cast(quantity as decimal(18,4)) as quantity,
    cast(stock_value as decimal(18,4)) as stock_value,
    cast(null as decimal(18,4)) as blocked_quantity,
    cast(returns_quantity as decimal(18,4)) as returns_quantity,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_finance__stock_ledger') }}
