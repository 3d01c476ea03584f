{{ config(enabled=pack_provides(['shipment', 'delivery', 'sales_order_line', 'item_code', 'partner_code'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_sales_order_line'), seq, 'promised_date') }}
    union all
    {{ moved_days(ref('fct_sales_order_line'), ['order_no', 'line_no'], seq) }}
    union all
    select lines.promised_date as event_date
    from {{ ref('fct_shipment') }} as shipments
    inner join {{ ref('fct_delivery') }} as deliveries
        on deliveries.delivery_no = shipments.delivery_no
    inner join {{ ref('fct_sales_order_line') }} as lines
        on lines.event_date = deliveries.ordered_on
        and lines.order_no = deliveries.order_no
        and lines.line_no = deliveries.line_no
    where {{ is_new(seq, 'shipments') }} or {{ is_new(seq, 'deliveries') }}
    {{ or_vanished_days('sales_order_line', ref('fct_sales_order_line'), ['order_no', 'line_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with lines as (
    select * from {{ ref('fct_sales_order_line') }}
    where {{ on_days('promised_date', days) }} and promised_date is not null
),

parcels as (
    select
        lines.order_no,
        lines.line_no,
        lines.promised_date,
        count(*) as parcels,
        min(case when cast(shipments.delivered_at as date) <= lines.promised_date then 1 else 0 end) as in_time,
        greatest(max(shipments._batch_seq), max(deliveries._batch_seq), max(lines._batch_seq)) as _batch_seq
    from lines
    inner join {{ ref('fct_delivery') }} as deliveries
        on deliveries.ordered_on = lines.event_date
        and deliveries.order_no = lines.order_no
        and deliveries.line_no = lines.line_no
    inner join {{ ref('fct_shipment') }} as shipments
        on shipments.delivery_no = deliveries.delivery_no
    group by lines.order_no, lines.line_no, lines.promised_date
)

select
    order_no,
    line_no,
    promised_date as event_date,
    {{ exact('parcels') }} as parcels,
    {{ exact('in_time') }} as numerator,
    {{ exact('1') }} as denominator,
    _batch_seq
from parcels
{{ in_order_of_days(days) }}
