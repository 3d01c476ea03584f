{{ config(enabled=pack_provides(['purchase_order_line', 'receipt_line', 'item', 'item_code', 'supplier', 'partner_code'])) }}
{%- set seq = watermark() %}
{%- set orders = ref('fct_purchase_order_line') %}
{%- set receipts = ref('fct_receipt_line') %}
{%- set touched %}
    {{ new_days(orders, seq, 'due_date') }}
    union all
    {{ moved_days(orders, ['po_no', 'po_line_no'], seq) }}
    union all
    select orders.due_date
    from {{ orders }} as orders
    inner join (select distinct po_no, po_line_no from {{ receipts }} where {{ is_new(seq) }}) as renewed
        on orders.po_no = renewed.po_no and orders.po_line_no = renewed.po_line_no
    union all
    {{ changed_member_days(ref('dim_supplier'), ['supplier_id'], seq) }}
    union all
    {{ changed_member_days(ref('dim_item'), ['item_id'], seq) }}
    {%- if seq is not none %}
    {{ or_vanished_days('purchase_order_line', orders, ['po_no', 'po_line_no']) }}
    {{ or_vanished_days('receipt_line', receipts, ['po_no', 'po_line_no']) }}
    {%- endif %}
{%- endset %}
{%- set days = touched_days(touched) %}

with ordered as (
    select * from {{ orders }}
    where {{ on_days('due_date', days) }}
),

received as (
    select
        po_no,
        po_line_no,
        sum(received_quantity) as received_quantity,
        max(_batch_seq) as _batch_seq
    from {{ receipts }}
    where po_no in (select po_no from ordered)
    group by po_no, po_line_no
)

select
    ordered.po_no,
    ordered.po_line_no,
    ordered.due_date as event_date,
    coalesce(ordered.supplier_id, ordered.supplier_code) as supplier_id,
    coalesce(supplier.supplier_label, ordered.supplier_code) as supplier_label,
    coalesce(ordered.item_id, ordered.item_code) as item_id,
    coalesce(item.item_label, ordered.item_code) as item_label,
    {{ exact('ordered.quantity') }} as ordered_quantity,
    {{ exact('received.received_quantity') }} as received_quantity,
    {{ exact('case when received.received_quantity < ordered.quantity then 1 else 0 end') }} as numerator,
    {{ exact('1') }} as denominator,
    greatest(
        ordered._batch_seq, received._batch_seq, coalesce(supplier._batch_seq, -1), coalesce(item._batch_seq, -1)
    ) as _batch_seq
from ordered
inner join received
    on received.po_no = ordered.po_no
    and received.po_line_no = ordered.po_line_no
left join {{ ref('dim_supplier') }} as supplier
    on supplier.supplier_id = ordered.supplier_id
    and supplier.is_current
left join {{ ref('dim_item') }} as item
    on item.item_id = ordered.item_id
    and item.is_current
{{ in_order_of_days(days, 'ordered.due_date') }}
