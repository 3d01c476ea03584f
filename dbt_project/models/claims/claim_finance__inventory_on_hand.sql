{{ config(enabled=pack_provides(['stock_claim', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_stock_claim'), seq) }}
    {{ or_vanished_days('stock_claim', ref('fct_stock_claim'), ['event_date', 'item_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with ledger as (
    select
        event_date,
        item_id,
        sum(quantity) as quantity,
        sum(coalesce(returns_quantity, 0)) as returns,
        max(_batch_seq) as _batch_seq
    from {{ ref('fct_stock_claim') }}
    where {{ on_days('event_date', days) }} and claimant = 'finance' and item_id is not null
    group by event_date, item_id
)

select
    item_id,
    event_date,
    {{ exact('quantity - returns') }} as available,
    {{ exact('returns') }} as returns,
    {{ exact('quantity') }} as numerator,
    {{ exact('1') }} as denominator,
    _batch_seq
from ledger
{{ in_order_of_days(days) }}
