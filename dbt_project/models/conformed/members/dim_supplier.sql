{{ config(enabled=pack_provides(['supplier'])) }}
{{ members(pack_entity('supplier'), ['supplier_id'], ['supplier_label', 'country', 'category']) }}
