{{ config(enabled=pack_provides(['stock_claim', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_stock_claim'), seq) }}
    {{ or_vanished_days('stock_claim', ref('fct_stock_claim'), ['event_date', 'item_id', 'warehouse']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with balances as (
    select
        event_date,
        item_id,
        warehouse,
        sum(quantity) as quantity,
        sum(coalesce(blocked_quantity, 0)) as blocked,
        max(_batch_seq) as _batch_seq
    from {{ ref('fct_stock_claim') }}
    where {{ on_days('event_date', days) }} and claimant = 'erp' and item_id is not null
    group by event_date, item_id, warehouse
)

select
    item_id,
    warehouse,
    event_date,
    {{ exact('quantity - blocked') }} as available,
    {{ exact('blocked') }} as blocked,
    {{ exact('quantity') }} as numerator,
    {{ exact('1') }} as denominator,
    _batch_seq
from balances
{{ in_order_of_days(days) }}
