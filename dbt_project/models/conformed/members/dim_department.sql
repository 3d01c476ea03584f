{{ config(enabled=pack_provides(['department'])) }}
{{ members(pack_entity('department'), ['department_id'], ['department_name', 'country']) }}
