{{ config(enabled=pack_provides(['inspection', 'item'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_inspection'), seq) }}
    union all
    {{ moved_days(ref('fct_inspection'), ['inspection_id'], seq) }}
    union all
    {{ changed_member_days(ref('dim_item'), ['item_id'], seq, '_facts_seq') }}
    {{ or_vanished_days('inspection', ref('fct_inspection'), ['inspection_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with inspections as (
    select * from {{ ref('fct_inspection') }}
    where {{ on_days('event_date', days) }}
)

select
    inspections.inspection_id,
    inspections.event_date,
    coalesce(inspections.item_id, inspections.item_code) as item_id,
    coalesce(items.item_label, inspections.item_code) as item_label,
    {{ exact('inspections.reworked_quantity') }} as numerator,
    {{ exact('inspections.inspected_quantity') }} as denominator,
    greatest(inspections._batch_seq, coalesce(items._facts_seq, -1)) as _batch_seq
from inspections
left join {{ ref('dim_item') }} as items
    on items.item_id = inspections.item_id and items.is_current
{{ in_order_of_days(days) }}
