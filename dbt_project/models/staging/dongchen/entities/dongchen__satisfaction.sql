select
    cast(survey_id as varchar) as survey_id,
    cast('crm' as varchar) as customer_system,
    cast(account_id as varchar) as customer_code,
    cast(order_no as varchar) as order_no,
    cast(surveyed_at as timestamp) as surveyed_at,
    cast(surveyed_at as date) as event_date,
    cast(score as decimal(18,4)) as score,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_crm__satisfaction') }}
