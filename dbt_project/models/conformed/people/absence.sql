{{ config(enabled=pack_provides(['absence'])) }}
select absence_id, person_id, starts_on, ends_on, kind, _batch_seq
from {{ pack_entity('absence') }}
