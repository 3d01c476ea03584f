{% set rows = ref('stg_trueloop__open_work') %}
{% set day = 'stated_on' %}
{% set seq = watermark() %}
{% set touched %}
{{ new_days(rows, seq, day) }}
{% endset %}
{% set days = touched_days(touched) %}

select
    cast({{ day }} as date) as event_date,
    cast(template_id as varchar) as template_id,
    cast(step_id as varchar) as step_id,
    cast(role as varchar) as role,
    cast(assignee_id as varchar) as assignee_id,
    cast(open_tasks as integer) as open_tasks,
    cast(weight as decimal(18,4)) as weight,
    cast(overdue_tasks as integer) as overdue_tasks,
    cast(_batch_seq as bigint) as _batch_seq
from {{ rows }}
where {{ on_days(day, days) }}
{{ in_order_of_days(days) }}
