{{ config(enabled=pack_provides(['inventory_count', 'stock_move', 'item'])) }}
{%- set seq = watermark() %}
{#- A day and item sum up many movements: which day a movement is on never changes under its id (landing schema). -#}
{%- set touched %}
    {{ new_days(ref('fct_inventory_balance'), seq) }}
    union all
    {{ new_days(ref('fct_stock_move'), seq) }}
    union all
    {{ changed_member_days(ref('dim_item'), ['item_id'], seq, '_facts_seq') }}
{%- endset %}
{%- set days = touched_days(touched) %}

with quantities as (
    select event_date, item_id, -quantity as shipped, 0 as on_hand, _batch_seq
    from {{ ref('fct_stock_move') }}
    where {{ on_days('event_date', days) }} and item_id is not null and move_type = 'ship'

    union all

    select event_date, item_id, 0 as shipped, on_hand_quantity as on_hand, _batch_seq
    from {{ ref('fct_inventory_balance') }}
    where {{ on_days('event_date', days) }} and item_id is not null
),

daily as (
    select
        event_date,
        item_id,
        cast(sum(shipped) as decimal(18, 4)) as shipped,
        cast(sum(on_hand) as decimal(18, 4)) as on_hand,
        max(_batch_seq) as _batch_seq
    from quantities
    group by event_date, item_id
)

select
    daily.item_id,
    daily.event_date,
    items.item_label,
    {{ exact('365 * cast(daily.shipped * items.standard_cost as decimal(28, 8))') }} as numerator,
    {{ exact('daily.on_hand * items.standard_cost') }} as denominator,
    greatest(daily._batch_seq, items._facts_seq) as _batch_seq
from daily
inner join {{ ref('dim_item') }} as items
    on items.item_id = daily.item_id and items.is_current
where items.standard_cost is not null
{{ in_order_of_days(days) }}
