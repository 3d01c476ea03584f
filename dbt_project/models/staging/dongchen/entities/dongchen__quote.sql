select
    cast(quote_no as varchar) as quote_no,
    cast('crm' as varchar) as customer_system,
    cast(account_id as varchar) as customer_code,
    cast('crm' as varchar) as item_system,
    cast(product_code as varchar) as item_code,
    cast(quoted_at as timestamp) as quoted_at,
    cast(quoted_at as date) as event_date,
    cast(quantity as decimal(18,4)) as quantity,
    cast(price as decimal(18,4)) as unit_price,
    cast(sales_login as varchar) as sales_login,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_crm__quotes') }}
