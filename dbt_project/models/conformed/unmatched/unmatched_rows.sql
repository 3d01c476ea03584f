{# Facts keep rows whose parent is not loaded, flagged. What the rows are called comes from the entity's yml
   (config.meta.source_table). #}
{%- set children = [
    ('order_cost', 'fct_order_cost', ['order_no', 'line_no'], 'order_matched', 'sales_order_line', ['order_no', 'line_no']),
    ('order_freight', 'fct_order_freight', ['freight_no'], 'order_matched', 'sales_order_line', ['order_no', 'line_no']),
    ('order_rebate', 'fct_order_rebate', ['rebate_no'], 'order_matched', 'sales_order_line', ['order_no', 'line_no']),
    ('delivery', 'fct_delivery', ['delivery_no'], 'order_matched', 'sales_order_line', ['order_no', 'line_no']),
    ('payment', 'fct_payment', ['payment_id'], 'invoice_matched', 'invoice', ['invoice_no']),
    ('receipt_line', 'fct_receipt_line', ['receipt_no'], 'order_matched', 'purchase_order_line', ['po_no', 'po_line_no']),
    ('downtime', 'fct_downtime', ['downtime_id'], 'run_matched', 'production_run', ['run_id']),
    ('lab_result', 'fct_lab_result', ['result_id'], 'receipt_matched', 'receipt_line', ['receipt_no']),
    ('shipment', 'fct_shipment', ['tracking_no'], 'delivery_matched', 'delivery', ['delivery_no']),
] %}
with orphans as (
    {%- for entity, fact, key, flag, parent, parent_key in children if pack_provides([entity, parent]) %}
    {%- set named = source_table(entity) %}
    {%- set parent_named = source_table(parent) %}
    select
        '{{ named.system }}' as system,
        '{{ named.table }}' as table_name,
        {{ key_text(key, named.key) }} as key_text,
        'its row of {{ parent_named.system }}.{{ parent_named.table }} is not loaded' as reason,
        {{ key_text(parent_key, parent_named.key) }} as parent,
        _batch_seq
    from {{ ref(fact) }}
    where not {{ flag }}
    union all
    {%- endfor %}
    select
        cast(null as varchar), cast(null as varchar), cast(null as varchar), cast(null as varchar), cast(null as varchar),
        cast(null as bigint)
    where 1 = 0
)

select
    cast(system as varchar) as system,
    cast(table_name as varchar) as table_name,
    cast(key_text as varchar) as key_text,
    cast(reason as varchar) as reason,
    cast(parent as varchar) as parent,
    _batch_seq
from orphans
order by system, table_name, key_text
