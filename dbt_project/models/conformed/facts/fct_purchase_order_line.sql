{{ config(enabled=pack_provides(['purchase_order_line', 'item_code', 'partner_code'])) }}
{%- set seq = watermark() %}
{%- set purchase_order_line = pack_entity('purchase_order_line') %}
{%- set touched %}
    {{ new_days(purchase_order_line, seq) }}
    union all
    {{ recoded_days('supplier', seq) }}
    union all
    {{ recoded_days('item', seq) }}
    {{ or_vanished_days('purchase_order_line', purchase_order_line, ['po_no', 'po_line_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with lines as (
    select * from {{ purchase_order_line }}
    where {{ on_days('event_date', days) }}
)

select
    lines.po_no,
    lines.po_line_no,
    lines.supplier_system,
    lines.supplier_code,
    lines.item_system,
    lines.item_code,
    lines.event_date,
    lines.due_date,
    lines.quantity,
    lines.unit_price,
    lines.contract_price,
    {{ code_id('supplier') }} as supplier_id,
    {{ code_id('item') }} as item_id,
    greatest(lines._batch_seq, coalesce(supplier_codes._batch_seq, -1), coalesce(item_codes._batch_seq, -1)) as _batch_seq
from lines
{{ join_code('supplier', 'lines') }}
{{ join_code('item', 'lines') }}
{{ in_order_of_days(days) }}
