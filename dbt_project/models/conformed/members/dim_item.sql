{{ config(enabled=pack_provides(['item'])) }}
{{ members(
    pack_entity('item'),
    ['item_id'],
    ['item_label', 'item_group', 'uom', 'standard_cost', 'safety_stock'],
    copied=['item_label', 'item_group', 'uom', 'standard_cost']
) }}
