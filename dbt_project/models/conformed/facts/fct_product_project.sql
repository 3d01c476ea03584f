{{ config(enabled=pack_provides(['product_project'])) }}
{%- set seq = watermark() %}
{%- set product_project = pack_entity('product_project') %}
{%- set touched %}
    {{ new_days(product_project, seq) }}
    union all
    {{ moved_days(product_project, ['project_code'], seq) }}
    {{ or_vanished_days('product_project', product_project, ['project_code']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with projects as (
    select * from {{ product_project }}
    where {{ on_days('event_date', days) }} and {{ at_days('requested_at', days) }}
)

select
    projects.project_code,
    projects.product_name,
    projects.owner_login,
    projects.requested_at,
    projects.approved_at,
    projects.event_date,
    projects.stage,
    projects._batch_seq
from projects
{{ in_order_of_days(days) }}
