{{ config(enabled=pack_provides(['item_code'])) }}
{{ members(pack_entity('item_code'), ['system', 'code'], ['item_id']) }}
