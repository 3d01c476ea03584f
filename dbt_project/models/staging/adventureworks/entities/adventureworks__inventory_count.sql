with inventory as (
    select * from {{ ref('stg_production__inventory') }}
),

location as (
    select * from {{ ref('stg_production__location') }}
),

{# The export is the stock at one moment and does not say which. All tables were exported together, so it is the stock of
   the last business day in any of them; the purchase orders reach furthest. #}
counted as (
    select max(known_on) as counted_on
    from (
        select max(changed_on) as known_on from inventory
        union all
        select max(due_on) as known_on from {{ ref('stg_purchasing__order_line') }}
    ) as known
)

select
    cast(counted.counted_on as date) as event_date,
    cast('production' as varchar) as item_system,
    cast(inventory.item_id as varchar) as item_code,
    cast(coalesce(location.location_name, 'Location ' || inventory.location_id) as varchar) as warehouse,
    cast(inventory.quantity as decimal(18,4)) as on_hand_quantity,
    cast(greatest(inventory._batch_seq, coalesce(location._batch_seq, 0)) as bigint) as _batch_seq
from inventory
cross join counted
left join location on inventory.location_id = location.location_id
