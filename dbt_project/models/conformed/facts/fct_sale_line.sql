{{ config(enabled=pack_provides(['sale_line', 'item_cost', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set sale_line = pack_entity('sale_line') %}
{%- set touched %}
    {{ new_days(sale_line, seq) }}
    union all
    {{ moved_days(sale_line, ['sale_no'], seq) }}
    union all
    {{ recoded_days('item', seq) }}
    union all
    {{ changed_member_days(ref('dim_item_cost'), ['item_id'], seq) }}
    {{ or_vanished_days('sale_line', sale_line, ['sale_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with sales as (
    select * from {{ sale_line }}
    where {{ on_days('event_date', days) }}
),

costs as (
    select * from {{ ref('dim_item_cost') }}
    where is_current
)

select
    sales.sale_no,
    sales.order_no,
    sales.item_system,
    sales.item_code,
    sales.event_date,
    sales.quantity,
    sales.unit_price,
    item_codes.item_id,
    costs.unit_cost,
    costs.valid_from as cost_valid_from,
    greatest(sales._batch_seq, coalesce(item_codes._batch_seq, -1), coalesce(costs._batch_seq, -1)) as _batch_seq
from sales
{{ join_code('item', 'sales') }}
left join costs
    on costs.item_id = item_codes.item_id
    and sales.event_date >= costs.valid_from
    and (costs.valid_to is null or sales.event_date <= costs.valid_to)
{{ in_order_of_days(days) }}
