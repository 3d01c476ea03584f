with source as (
    select * from {{ source('qclab', 'lab_results') }}
    where _is_current
),

renamed as (
    select
        result_id,
        receipt_no,
        supplier_code,
        material_code,
        sampled_at,
        characteristic,
        passed as is_passed,
        case when unit = 'um' then value / 1000 else value end as measured_mm,
        _batch_seq
    from source
)

select * from renamed
