with source as (
    select * from {{ source('mes', 'work_orders') }}
    where _is_current
),

renamed as (
    select
        wo_no as work_order_no,
        item_code,
        line_code,
        planned_start,
        quantity,
        _batch_seq
    from source
)

select * from renamed
