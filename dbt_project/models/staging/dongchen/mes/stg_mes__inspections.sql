with source as (
    select * from {{ source('mes', 'inspections') }}
    where _is_current
),

renamed as (
    select
        inspection_id,
        wo_no as work_order_no,
        item_code,
        inspected_at,
        inspected_qty as inspected_quantity,
        first_pass_qty as first_pass_quantity,
        reworked_qty as reworked_quantity,
        _batch_seq
    from source
)

select * from renamed
