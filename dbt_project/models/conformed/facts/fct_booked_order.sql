{{ config(enabled=pack_provides(['booked_order', 'item_code', 'partner_code'])) }}
{%- set seq = watermark() %}
{%- set booked_order = pack_entity('booked_order') %}
{%- set touched %}
    {{ new_days(booked_order, seq) }}
    union all
    {{ moved_days(booked_order, ['booking_id'], seq) }}
    union all
    {{ recoded_days('customer', seq) }}
    union all
    {{ recoded_days('item', seq) }}
    {{ or_vanished_days('booked_order', booked_order, ['booking_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with bookings as (
    select * from {{ booked_order }}
    where {{ on_days('event_date', days) }} and {{ at_days('booked_at', days) }}
)

select
    bookings.booking_id,
    bookings.order_no,
    bookings.line_no,
    bookings.customer_system,
    bookings.customer_code,
    bookings.item_system,
    bookings.item_code,
    bookings.booked_at,
    bookings.event_date,
    bookings.revenue_amount,
    bookings.cost_amount,
    bookings.freight_amount,
    {{ code_id('customer') }} as customer_id,
    {{ code_id('item') }} as item_id,
    greatest(bookings._batch_seq, coalesce(customer_codes._batch_seq, -1), coalesce(item_codes._batch_seq, -1)) as _batch_seq
from bookings
{{ join_code('customer', 'bookings') }}
{{ join_code('item', 'bookings') }}
{{ in_order_of_days(days) }}
