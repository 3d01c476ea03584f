{{ config(enabled=pack_provides(['margin_posting'])) }}
{%- set seq = watermark() %}
{%- set margin_posting = pack_entity('margin_posting') %}
{%- set touched %}
    {{ new_days(margin_posting, seq) }}
    union all
    {{ moved_days(margin_posting, ['entry_id'], seq) }}
    {{ or_vanished_days('margin_posting', margin_posting, ['entry_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with postings as (
    select * from {{ margin_posting }}
    where {{ on_days('event_date', days) }}
)

select
    postings.entry_id,
    postings.order_no,
    postings.line_no,
    postings.event_date,
    postings.revenue_amount,
    postings.material_cost_amount,
    postings.freight_amount,
    postings.rebate_amount,
    postings._batch_seq
from postings
{{ in_order_of_days(days) }}
