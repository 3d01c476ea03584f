{{ config(enabled=pack_provides(['inventory_count', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set inventory_count = pack_entity('inventory_count') %}
{%- set touched %}
    {{ new_days(inventory_count, seq) }}
    union all
    {{ recoded_days('item', seq) }}
    {{ or_vanished_days('inventory_count', inventory_count, ['event_date', 'item_system', 'item_code', 'warehouse']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with counts as (
    select * from {{ inventory_count }}
    where {{ on_days('event_date', days) }}
)

select
    counts.event_date,
    counts.item_system,
    counts.item_code,
    counts.warehouse,
    counts.on_hand_quantity,
    {{ code_id('item') }} as item_id,
    greatest(counts._batch_seq, coalesce(item_codes._batch_seq, -1)) as _batch_seq
from counts
{{ join_code('item', 'counts') }}
{{ in_order_of_days(days) }}
