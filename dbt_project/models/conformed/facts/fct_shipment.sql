{{ config(enabled=pack_provides(['shipment', 'delivery'])) }}
{%- set seq = watermark() %}
{%- set shipment = pack_entity('shipment') %}
{%- set touched %}
    {{ new_days(shipment, seq) }}
    union all
    {{ moved_days(shipment, ['tracking_no'], seq) }}
    union all
    {{ adopted_days(ref('fct_delivery'), ['delivery_no'], 'delivery_matched', seq) }}
    {{ or_vanished_days('shipment', shipment, ['tracking_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with shipments as (
    select * from {{ shipment }}
    where {{ on_days('event_date', days) }}
),

parents as (
    select delivery_no, _batch_seq
    from {{ ref('fct_delivery') }}
    where delivery_no in (select delivery_no from shipments)
)

select
    shipments.tracking_no,
    shipments.delivery_no,
    shipments.picked_up_at,
    shipments.delivered_at,
    shipments.event_date,
    shipments.weight_kg,
    parents.delivery_no is not null as delivery_matched,
    greatest(shipments._batch_seq, coalesce(parents._batch_seq, -1)) as _batch_seq
from shipments
left join parents
    on parents.delivery_no = shipments.delivery_no
{{ in_order_of_days(days) }}
