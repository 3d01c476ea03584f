{{ config(enabled=pack_provides(['purchase_order_line', 'receipt_line', 'receipt_day', 'supplier', 'item'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_purchase_order_line'), seq, 'due_date') }}
    union all
    {{ moved_days(ref('fct_purchase_order_line'), ['po_no', 'po_line_no'], seq) }}
    union all
    select lines.due_date as event_date
    from {{ ref('fct_receipt_line') }} as receipts
    inner join {{ ref('fct_purchase_order_line') }} as lines
        on lines.event_date = receipts.ordered_on
        and lines.po_no = receipts.po_no
        and lines.po_line_no = receipts.po_line_no
    where {{ is_new(seq, 'receipts') }}
    union all
    {{ changed_member_days(ref('dim_supplier'), ['supplier_id'], seq) }}
    union all
    {{ changed_member_days(ref('dim_item'), ['item_id'], seq, '_facts_seq') }}
    {{ or_vanished_days('purchase_order_line', ref('fct_purchase_order_line'), ['po_no', 'po_line_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with lines as (
    select * from {{ ref('fct_purchase_order_line') }}
    where {{ on_days('due_date', days) }}
),

received as (
    select
        lines.po_no,
        lines.po_line_no,
        sum(case when receipts.event_date <= lines.due_date then receipts.received_quantity else 0 end) as in_time,
        max(receipts._batch_seq) as _batch_seq
    from lines
    inner join {{ ref('fct_receipt_line') }} as receipts
        on receipts.ordered_on = lines.event_date
        and receipts.po_no = lines.po_no
        and receipts.po_line_no = lines.po_line_no
    group by lines.po_no, lines.po_line_no
)

select
    lines.po_no,
    lines.po_line_no,
    lines.due_date as event_date,
    coalesce(lines.supplier_id, lines.supplier_code) as supplier_id,
    coalesce(suppliers.supplier_label, lines.supplier_code) as supplier_label,
    coalesce(lines.item_id, lines.item_code) as item_id,
    coalesce(items.item_label, lines.item_code) as item_label,
    {{ exact('case when received.in_time >= lines.quantity then 1 else 0 end') }} as numerator,
    {{ exact('1') }} as denominator,
    greatest(
        lines._batch_seq,
        received._batch_seq,
        coalesce(suppliers._batch_seq, -1),
        coalesce(items._facts_seq, -1)
    ) as _batch_seq
from lines
inner join received
    on received.po_no = lines.po_no and received.po_line_no = lines.po_line_no
left join {{ ref('dim_supplier') }} as suppliers
    on suppliers.supplier_id = lines.supplier_id and suppliers.is_current
left join {{ ref('dim_item') }} as items
    on items.item_id = lines.item_id and items.is_current
{{ in_order_of_days(days) }}
