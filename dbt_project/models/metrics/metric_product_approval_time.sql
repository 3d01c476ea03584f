{{ config(enabled=pack_provides(['product_project'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_product_project'), seq, 'cast(approved_at as date)') }}
    union all
    {{ moved_days(ref('fct_product_project'), ['project_code'], seq) }}
    {{ or_vanished_days('product_project', ref('fct_product_project'), ['project_code']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with approved as (
    select * from {{ ref('fct_product_project') }}
    where
        approved_at is not null
        and {{ on_days('cast(approved_at as date)', days) }}
        and {{ at_days('approved_at', days) }}
)

select
    project_code,
    cast(approved_at as date) as event_date,
    product_name,
    {{ exact(whole_minutes_between('requested_at', 'approved_at')) }} as numerator,
    {{ exact('1440') }} as denominator,
    _batch_seq
from approved
{{ in_order_of_days(days) }}
