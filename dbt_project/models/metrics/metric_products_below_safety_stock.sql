{{ config(enabled=pack_provides(['item', 'item_code', 'inventory_count'])) }}
{%- set seq = watermark() %}
{%- set facts = ref('fct_inventory_balance') %}
{#- An item that is new in the master data has no row here yet, so it is judged on the newest day of stock. -#}
{%- set touched %}
    {{ new_days(facts, seq) }}
    union all
    {{ changed_member_days(ref('dim_item'), ['item_id'], seq) }}
    union all
    select newest.event_date
    from (select max(event_date) as event_date from {{ facts }}) as newest
    cross join (select max(_batch_seq) as _batch_seq from {{ ref('dim_item') }}) as members
    where {{ is_new(seq, 'members') }}
    {%- if seq is not none and rows_may_vanish('inventory_count') %}
    union all
    select max(event_date) from {{ facts }}
    union all
    select held.event_date
    from {{ this }} as held
    left join (select distinct event_date from {{ facts }}) as standing on standing.event_date = held.event_date
    where standing.event_date is null
    {%- endif %}
{%- endset %}
{%- set days = touched_days(touched) %}

with counted_days as (
    select event_date, max(_batch_seq) as _batch_seq
    from {{ facts }}
    where {{ on_days('event_date', days) }}
    group by event_date
),

stock as (
    select event_date, item_id, sum(on_hand_quantity) as on_hand_quantity
    from {{ facts }}
    where {{ on_days('event_date', days) }} and item_id is not null
    group by event_date, item_id
),

items as (
    select * from {{ ref('dim_item') }}
    where is_current
)

select
    counted_days.event_date,
    items.item_id,
    items.item_label,
    coalesce(items.item_group, 'Unknown') as group_id,
    coalesce(items.item_group, 'Unknown') as group_label,
    stock.on_hand_quantity,
    items.safety_stock,
    {{ exact('case when stock.on_hand_quantity < items.safety_stock then 1 else 0 end') }} as numerator,
    {{ exact('1') }} as denominator,
    greatest(counted_days._batch_seq, items._batch_seq) as _batch_seq
from counted_days
cross join items
inner join stock
    on stock.event_date = counted_days.event_date
    and stock.item_id = items.item_id
where items.safety_stock is not null
{{ in_order_of_days(days, 'counted_days.event_date') }}
