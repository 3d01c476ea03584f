{{ config(enabled=pack_provides(['stock_move', 'item_code'])) }}
{%- set seq = watermark() %}
{%- set stock_move = pack_entity('stock_move') %}
{%- set touched %}
    {{ new_days(stock_move, seq) }}
    union all
    {{ moved_days(stock_move, ['move_id'], seq) }}
    union all
    {{ recoded_days('item', seq) }}
    {{ or_vanished_days('stock_move', stock_move, ['move_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with moves as (
    select * from {{ stock_move }}
    where {{ on_days('event_date', days) }} and {{ at_days('moved_at', days) }}
)

select
    moves.move_id,
    moves.item_system,
    moves.item_code,
    moves.warehouse,
    moves.moved_at,
    moves.event_date,
    moves.quantity,
    moves.move_type,
    moves.reference,
    {{ code_id('item') }} as item_id,
    greatest(moves._batch_seq, coalesce(item_codes._batch_seq, -1)) as _batch_seq
from moves
{{ join_code('item', 'moves') }}
{{ in_order_of_days(days) }}
