{{ config(enabled=pack_provides(['item_cost'])) }}
{{ members(pack_entity('item_cost'), ['item_id', 'valid_from'], ['valid_to', 'unit_cost']) }}
