{# Whose task it was, in the metrics of the process: name and department of today, where the pack has a people directory.
   `people` is ref('dim_person') or none; `alias` has assignee_id and _batch_seq. #}

{# Days with rows of a person whose name or department changed, or who is gone. #}
{% macro changed_people_days(people, seq) -%}
    {{ changed_member_days('(select person_id as assignee_id, _batch_seq from ' ~ people ~ ')', ['assignee_id'], seq) }}
    union all
    select held.event_date
    from {{ this }} as held
    left join {{ people }} as standing on standing.person_id = held.assignee_id
    where standing.person_id is null and held.department_id <> 'unknown'
{%- endmacro %}

{% macro person_columns(people, alias) -%}
    {%- if people -%}
    coalesce(people.name, {{ alias }}.assignee_id, 'nobody') as assignee_label,
    coalesce(people.department_id, 'unknown') as department_id,
    coalesce(people.department_name, people.department_id, 'unknown') as department_label
    {%- else -%}
    coalesce({{ alias }}.assignee_id, 'nobody') as assignee_label,
    cast('unknown' as {{ dbt.type_string() }}) as department_id,
    cast('unknown' as {{ dbt.type_string() }}) as department_label
    {%- endif -%}
{%- endmacro %}

{% macro join_people(people, alias) -%}
    {%- if people -%}left join {{ people }} as people on people.person_id = {{ alias }}.assignee_id{%- endif -%}
{%- endmacro %}

{% macro person_batch_seq(people, alias) -%}
    {%- if people -%}greatest({{ alias }}._batch_seq, coalesce(people._batch_seq, -1)){%- else -%}{{ alias }}._batch_seq{%- endif -%}
{%- endmacro %}
