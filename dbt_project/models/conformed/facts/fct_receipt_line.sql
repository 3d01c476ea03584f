{{ config(enabled=pack_provides(['receipt_line', 'purchase_order_line', 'item_code', 'partner_code'])) }}
{%- set seq = watermark() %}
{%- set receipt_line = pack_entity('receipt_line') %}
{%- set touched %}
    {{ new_days(receipt_line, seq) }}
    union all
    {{ moved_days(receipt_line, ['receipt_no'], seq) }}
    union all
    {{ recoded_days('supplier', seq) }}
    union all
    {{ recoded_days('item', seq) }}
    union all
    {{ adopted_days(ref('fct_purchase_order_line'), ['po_no', 'po_line_no'], 'order_matched', seq) }}
    {{ or_vanished_days('receipt_line', receipt_line, ['receipt_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with receipts as (
    select * from {{ receipt_line }}
    where {{ on_days('event_date', days) }} and {{ at_days('received_at', days) }}
),

parents as (
    select po_no, po_line_no, event_date, _batch_seq
    from {{ ref('fct_purchase_order_line') }}
    where po_no in (select po_no from receipts)
)

select
    receipts.receipt_no,
    receipts.po_no,
    receipts.po_line_no,
    receipts.supplier_system,
    receipts.supplier_code,
    receipts.item_system,
    receipts.item_code,
    receipts.received_at,
    receipts.event_date,
    receipts.received_quantity,
    receipts.rejected_quantity,
    {{ code_id('supplier') }} as supplier_id,
    {{ code_id('item') }} as item_id,
    parents.po_no is not null as order_matched,
    parents.event_date as ordered_on,
    greatest(receipts._batch_seq, coalesce(supplier_codes._batch_seq, -1), coalesce(item_codes._batch_seq, -1), coalesce(parents._batch_seq, -1)) as _batch_seq
from receipts
{{ join_code('supplier', 'receipts') }}
{{ join_code('item', 'receipts') }}
left join parents
    on parents.po_no = receipts.po_no
    and parents.po_line_no = receipts.po_line_no
{{ in_order_of_days(days) }}
