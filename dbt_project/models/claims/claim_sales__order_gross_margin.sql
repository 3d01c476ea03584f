{{ config(enabled=pack_provides(['booked_order', 'item_code', 'partner_code'])) }}
{%- set seq = watermark() %}
{%- set bookings = ref('fct_booked_order') %}
{%- set touched %}
    {{ new_days(bookings, seq) }}
    union all
    {{ moved_days(bookings, ['booking_id'], seq) }}
    {{ or_vanished_days('booked_order', bookings, ['booking_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with bookings as (
    select
        *,
        coalesce(freight_amount, 0) as freight
    from {{ bookings }}
    where {{ on_days('event_date', days) }}
)

select
    booking_id,
    order_no,
    line_no,
    event_date,
    coalesce(customer_id, customer_code) as customer_id,
    coalesce(item_id, item_code) as item_id,
    {{ exact('revenue_amount') }} as revenue,
    {{ exact('cost_amount - freight') }} as material_cost,
    {{ exact('freight') }} as freight,
    {{ exact('revenue_amount - cost_amount') }} as numerator,
    {{ exact('revenue_amount') }} as denominator,
    _batch_seq
from bookings
{{ in_order_of_days(days) }}
