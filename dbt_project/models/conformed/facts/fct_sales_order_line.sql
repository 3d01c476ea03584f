{{ config(enabled=pack_provides(['sales_order_line', 'item_code', 'partner_code'])) }}
{%- set seq = watermark() %}
{%- set sales_order_line = pack_entity('sales_order_line') %}
{%- set touched %}
    {{ new_days(sales_order_line, seq) }}
    union all
    {{ recoded_days('customer', seq) }}
    union all
    {{ recoded_days('item', seq) }}
    {{ or_vanished_days('sales_order_line', sales_order_line, ['order_no', 'line_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with lines as (
    select * from {{ sales_order_line }}
    where {{ on_days('event_date', days) }} and {{ at_days('ordered_at', days) }}
)

select
    lines.order_no,
    lines.line_no,
    lines.customer_system,
    lines.customer_code,
    lines.item_system,
    lines.item_code,
    lines.ordered_at,
    lines.event_date,
    lines.quantity,
    lines.unit_price,
    lines.currency,
    lines.promised_date,
    lines.is_cancelled,
    {{ code_id('customer') }} as customer_id,
    {{ code_id('item') }} as item_id,
    cast(lines.quantity * lines.unit_price as decimal(28,6)) as amount,
    greatest(lines._batch_seq, coalesce(customer_codes._batch_seq, -1), coalesce(item_codes._batch_seq, -1)) as _batch_seq
from lines
{{ join_code('customer', 'lines') }}
{{ join_code('item', 'lines') }}
{{ in_order_of_days(days) }}
