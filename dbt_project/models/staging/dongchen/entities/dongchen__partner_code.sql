select
    cast('erp' as varchar) as system,
    cast('supplier' as varchar) as kind,
    cast(supplier_no as varchar) as code,
    cast(supplier_no as varchar) as partner_id,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__suppliers') }}

union all

select
    cast('erp' as varchar) as system,
    cast('customer' as varchar) as kind,
    cast(customer_no as varchar) as code,
    cast(customer_no as varchar) as partner_id,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__customers') }}

union all

select
    cast(system as varchar) as system,
    cast(kind as varchar) as kind,
    cast(code as varchar) as code,
    cast(erp_no as varchar) as partner_id,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_erp__partner_codes') }}
where system <> 'erp'
