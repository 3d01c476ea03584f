{{ config(enabled=pack_provides(['satisfaction', 'customer'])) }}
{%- set seq = watermark() %}
{%- set touched %}
    {{ new_days(ref('fct_satisfaction'), seq) }}
    union all
    {{ moved_days(ref('fct_satisfaction'), ['survey_id'], seq) }}
    union all
    {{ changed_member_days(ref('dim_customer'), ['customer_id'], seq) }}
    {{ or_vanished_days('satisfaction', ref('fct_satisfaction'), ['survey_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with answers as (
    select * from {{ ref('fct_satisfaction') }}
    where {{ on_days('event_date', days) }}
)

select
    answers.survey_id,
    answers.event_date,
    coalesce(answers.customer_id, answers.customer_code) as customer_id,
    coalesce(customers.customer_label, answers.customer_code) as customer_label,
    coalesce(customers.region, 'unknown') as region,
    {{ exact('answers.score') }} as numerator,
    {{ exact('1') }} as denominator,
    greatest(answers._batch_seq, coalesce(customers._batch_seq, -1)) as _batch_seq
from answers
left join {{ ref('dim_customer') }} as customers
    on customers.customer_id = answers.customer_id and customers.is_current
{{ in_order_of_days(days) }}
