{{ config(enabled=pack_provides(['customer'])) }}
{{ members(pack_entity('customer'), ['customer_id'], ['customer_label', 'region', 'segment']) }}
