{# Facts keep rows whose code no crosswalk knows, without conformed id. Row groups without nulls are skipped by statistics,
   so the list costs what is unmatched. #}
{%- set uses = [
    ('item', 'sales_order_line', 'fct_sales_order_line'),
    ('item', 'purchase_order_line', 'fct_purchase_order_line'),
    ('item', 'receipt_line', 'fct_receipt_line'),
    ('item', 'production_run', 'fct_production_run'),
    ('item', 'inspection', 'fct_inspection'),
    ('item', 'inventory_count', 'fct_inventory_balance'),
    ('item', 'stock_claim', 'fct_stock_claim'),
    ('item', 'stock_move', 'fct_stock_move'),
    ('item', 'delivery', 'fct_delivery'),
    ('item', 'quote', 'fct_quote'),
    ('item', 'booked_order', 'fct_booked_order'),
    ('item', 'lab_result', 'fct_lab_result'),
    ('item', 'work_order', 'fct_work_order'),
    ('item', 'sale_line', 'fct_sale_line'),
    ('supplier', 'purchase_order_line', 'fct_purchase_order_line'),
    ('supplier', 'receipt_line', 'fct_receipt_line'),
    ('supplier', 'lab_result', 'fct_lab_result'),
    ('customer', 'sales_order_line', 'fct_sales_order_line'),
    ('customer', 'invoice', 'fct_invoice'),
    ('customer', 'quote', 'fct_quote'),
    ('customer', 'booked_order', 'fct_booked_order'),
    ('customer', 'satisfaction', 'fct_satisfaction'),
] %}
with uses as (
    {%- for what, entity, fact in uses if pack_provides([entity]) %}
    select {{ what }}_system as system, '{{ what }}' as kind, {{ what }}_code as code, _batch_seq
    from {{ ref(fact) }}
    where {{ what }}_id is null
    union all
    {%- endfor %}
    select cast(null as varchar), cast(null as varchar), cast(null as varchar), cast(null as bigint)
    where 1 = 0
)

select
    cast(system as varchar) as system,
    cast(kind as varchar) as kind,
    cast(code as varchar) as code,
    cast(count(*) as bigint) as rows,
    cast(max(_batch_seq) as bigint) as _batch_seq
from uses
group by system, kind, code
order by system, kind, code
