{{ config(enabled=pack_provides(['receipt_line', 'purchase_order_line', 'supplier', 'item'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_receipt_line'), seq) }}
    union all
    {{ moved_days(ref('fct_receipt_line'), ['receipt_no'], seq) }}
    union all
    {{ changed_member_days(ref('dim_supplier'), ['supplier_id'], seq) }}
    union all
    {{ changed_member_days(ref('dim_item'), ['item_id'], seq, '_facts_seq') }}
    {{ or_vanished_days('receipt_line', ref('fct_receipt_line'), ['receipt_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with receipts as (
    select * from {{ ref('fct_receipt_line') }}
    where {{ on_days('event_date', days) }} and order_matched
)

select
    receipts.receipt_no,
    receipts.po_no,
    receipts.po_line_no,
    receipts.event_date,
    coalesce(receipts.supplier_id, receipts.supplier_code) as supplier_id,
    coalesce(suppliers.supplier_label, receipts.supplier_code) as supplier_label,
    coalesce(receipts.item_id, receipts.item_code) as item_id,
    coalesce(items.item_label, receipts.item_code) as item_label,
    {{ exact('receipts.rejected_quantity') }} as numerator,
    {{ exact('receipts.received_quantity') }} as denominator,
    greatest(
        receipts._batch_seq,
        coalesce(suppliers._batch_seq, -1),
        coalesce(items._facts_seq, -1)
    ) as _batch_seq
from receipts
left join {{ ref('dim_supplier') }} as suppliers
    on suppliers.supplier_id = receipts.supplier_id and suppliers.is_current
left join {{ ref('dim_item') }} as items
    on items.item_id = receipts.item_id and items.is_current
{{ in_order_of_days(days) }}
