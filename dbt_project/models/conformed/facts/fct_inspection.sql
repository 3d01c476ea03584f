{{ config(enabled=pack_provides(['inspection', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set inspection = pack_entity('inspection') %}
{%- set touched %}
    {{ new_days(inspection, seq) }}
    union all
    {{ moved_days(inspection, ['inspection_id'], seq) }}
    union all
    {{ recoded_days('item', seq) }}
    {{ or_vanished_days('inspection', inspection, ['inspection_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with inspections as (
    select * from {{ inspection }}
    where {{ on_days('event_date', days) }} and {{ at_days('inspected_at', days) }}
)

select
    inspections.inspection_id,
    inspections.work_order_no,
    inspections.item_system,
    inspections.item_code,
    inspections.inspected_at,
    inspections.event_date,
    inspections.inspected_quantity,
    inspections.first_pass_quantity,
    inspections.reworked_quantity,
    {{ code_id('item') }} as item_id,
    greatest(inspections._batch_seq, coalesce(item_codes._batch_seq, -1)) as _batch_seq
from inspections
{{ join_code('item', 'inspections') }}
{{ in_order_of_days(days) }}
