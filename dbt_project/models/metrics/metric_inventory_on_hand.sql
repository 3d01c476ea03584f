{{ config(enabled=pack_provides(['inventory_count', 'item'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_inventory_balance'), seq) }}
    union all
    {{ changed_member_days(ref('dim_item'), ['item_id'], seq, '_facts_seq') }}
    {{ or_vanished_days('inventory_count', ref('fct_inventory_balance'), ['event_date', 'item_id', 'warehouse']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with counts as (
    select
        event_date,
        item_id,
        warehouse,
        sum(on_hand_quantity) as on_hand_quantity,
        max(_batch_seq) as _batch_seq
    from {{ ref('fct_inventory_balance') }}
    where {{ on_days('event_date', days) }} and item_id is not null
    group by event_date, item_id, warehouse
)

select
    counts.item_id,
    counts.warehouse,
    counts.event_date,
    coalesce(items.item_label, counts.item_id) as item_label,
    {{ exact('counts.on_hand_quantity') }} as numerator,
    {{ exact('1') }} as denominator,
    greatest(counts._batch_seq, coalesce(items._facts_seq, -1)) as _batch_seq
from counts
left join {{ ref('dim_item') }} as items
    on items.item_id = counts.item_id and items.is_current
{{ in_order_of_days(days) }}
