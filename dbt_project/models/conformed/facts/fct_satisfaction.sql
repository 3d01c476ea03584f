{{ config(enabled=pack_provides(['satisfaction', 'partner_code'])) }}
{%- set seq = watermark() %}
{%- set satisfaction = pack_entity('satisfaction') %}
{%- set touched %}
    {{ new_days(satisfaction, seq) }}
    union all
    {{ moved_days(satisfaction, ['survey_id'], seq) }}
    union all
    {{ recoded_days('customer', seq) }}
    {{ or_vanished_days('satisfaction', satisfaction, ['survey_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with answers as (
    select * from {{ satisfaction }}
    where {{ on_days('event_date', days) }} and {{ at_days('surveyed_at', days) }}
)

select
    answers.survey_id,
    answers.customer_system,
    answers.customer_code,
    answers.order_no,
    answers.surveyed_at,
    answers.event_date,
    answers.score,
    {{ code_id('customer') }} as customer_id,
    greatest(answers._batch_seq, coalesce(customer_codes._batch_seq, -1)) as _batch_seq
from answers
{{ join_code('customer', 'answers') }}
{{ in_order_of_days(days) }}
