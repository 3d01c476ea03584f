with source as (
    select * from {{ source('erp', 'order_costs') }}
    where _is_current
),

renamed as (
    select
        order_no,
        line_no,
        standard_cost_amount,
        actual_cost_amount,
        booked_on,
        _batch_seq
    from source
)

select * from renamed
