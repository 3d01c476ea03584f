select
    cast(result_id as varchar) as result_id,
    cast(receipt_no as varchar) as receipt_no,
    cast('qclab' as varchar) as supplier_system,
    cast(supplier_code as varchar) as supplier_code,
    cast('qclab' as varchar) as item_system,
    cast(material_code as varchar) as item_code,
    cast(sampled_at as timestamp) as sampled_at,
    cast(sampled_at as date) as event_date,
    cast(characteristic as varchar) as characteristic,
    cast(measured_mm as decimal(18,4)) as measured_mm,
    cast(is_passed as boolean) as is_passed,
    cast(_batch_seq as bigint) as _batch_seq
from {{ ref('stg_qclab__lab_results') }}
