{{ config(enabled=pack_provides(['order_change'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_order_change'), seq, 'cast(approved_at as date)') }}
    union all
    {{ moved_days(ref('fct_order_change'), ['change_no'], seq) }}
    {{ or_vanished_days('order_change', ref('fct_order_change'), ['change_no']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with approved as (
    select * from {{ ref('fct_order_change') }}
    where
        approved_at is not null
        and {{ on_days('cast(approved_at as date)', days) }}
        and {{ at_days('approved_at', days) }}
)

select
    change_no,
    cast(approved_at as date) as event_date,
    coalesce(kind, 'unknown') as kind,
    {{ exact(whole_minutes_between('requested_at', 'approved_at')) }} as numerator,
    {{ exact('1440') }} as denominator,
    _batch_seq
from approved
{{ in_order_of_days(days) }}
