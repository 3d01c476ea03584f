{{ config(enabled=pack_provides(['stock_claim', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set stock_claim = pack_entity('stock_claim') %}
{%- set touched %}
    {{ new_days(stock_claim, seq) }}
    union all
    {{ recoded_days('item', seq) }}
    {{ or_vanished_days('stock_claim', stock_claim, ['claimant', 'event_date', 'item_system', 'item_code', 'warehouse']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with claims as (
    select * from {{ stock_claim }}
    where {{ on_days('event_date', days) }}
)

select
    claims.claimant,
    claims.event_date,
    claims.item_system,
    claims.item_code,
    claims.warehouse,
    claims.quantity,
    claims.stock_value,
    claims.blocked_quantity,
    claims.returns_quantity,
    {{ code_id('item') }} as item_id,
    greatest(claims._batch_seq, coalesce(item_codes._batch_seq, -1)) as _batch_seq
from claims
{{ join_code('item', 'claims') }}
{{ in_order_of_days(days) }}
