with product as (
    select * from {{ ref('stg_production__product') }}
),

subcategory as (
    select * from {{ ref('stg_production__subcategory') }}
)

{# A standard cost of zero means that none is kept: all parts carry it. #}
select
    cast(product.item_id as varchar) as item_id,
    cast(product.item_name as varchar) as item_label,
    cast(coalesce(subcategory.subcategory_name, 'Parts') as varchar) as item_group,
    cast('EA' as varchar) as uom,
    cast(nullif(product.standard_cost, 0) as decimal(18,4)) as standard_cost,
    cast(product.safety_stock as decimal(18,4)) as safety_stock,
    cast(greatest(product._batch_seq, coalesce(subcategory._batch_seq, 0)) as bigint) as _batch_seq
from product
left join subcategory on product.subcategory_id = subcategory.subcategory_id
