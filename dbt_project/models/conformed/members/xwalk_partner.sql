{{ config(enabled=pack_provides(['partner_code'])) }}
{{ members(pack_entity('partner_code'), ['system', 'kind', 'code'], ['partner_id']) }}
