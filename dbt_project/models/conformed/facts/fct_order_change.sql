{{ config(enabled=pack_provides(['order_change'])) }}
{%- set seq = watermark() %}
{%- set order_change = pack_entity('order_change') %}
{%- set touched %}
    {{ new_days(order_change, seq) }}
    union all
    {{ moved_days(order_change, ['change_no'], seq) }}
    {{ or_vanished_days('order_change', order_change, ['change_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with changes as (
    select * from {{ order_change }}
    where {{ on_days('event_date', days) }} and {{ at_days('requested_at', days) }}
)

select
    changes.change_no,
    changes.order_no,
    changes.line_no,
    changes.kind,
    changes.requested_at,
    changes.approved_at,
    changes.event_date,
    changes._batch_seq
from changes
{{ in_order_of_days(days) }}
