{{ config(enabled=pack_provides(['person_role'])) }}
select person_id, role, _batch_seq
from {{ pack_entity('person_role') }}
