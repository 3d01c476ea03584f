{{ config(enabled=pack_provides(['quote', 'item_code', 'partner_code'])) }}
{%- set seq = watermark() %}
{%- set quote = pack_entity('quote') %}
{%- set touched %}
    {{ new_days(quote, seq) }}
    union all
    {{ moved_days(quote, ['quote_no'], seq) }}
    union all
    {{ recoded_days('customer', seq) }}
    union all
    {{ recoded_days('item', seq) }}
    {{ or_vanished_days('quote', quote, ['quote_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with quotes as (
    select * from {{ quote }}
    where {{ on_days('event_date', days) }} and {{ at_days('quoted_at', days) }}
)

select
    quotes.quote_no,
    quotes.customer_system,
    quotes.customer_code,
    quotes.item_system,
    quotes.item_code,
    quotes.quoted_at,
    quotes.event_date,
    quotes.quantity,
    quotes.unit_price,
    quotes.sales_login,
    {{ code_id('customer') }} as customer_id,
    {{ code_id('item') }} as item_id,
    greatest(quotes._batch_seq, coalesce(customer_codes._batch_seq, -1), coalesce(item_codes._batch_seq, -1)) as _batch_seq
from quotes
{{ join_code('customer', 'quotes') }}
{{ join_code('item', 'quotes') }}
{{ in_order_of_days(days) }}
