{# SQL of a dimension or crosswalk: one row for each member of `relation`, and `_batch_seq` of its last real change.

   A monthly export repeats every member; facts and metrics must not be rebuilt for those that stayed the same. So a
   member keeps the `_batch_seq` under which its columns took their present values. A member that the source no longer
   lists stays with is_current = false, so that what refers to it is rebuilt once; a full build forgets it. #}
{% macro members(relation, key, columns) -%}
    {%- set before = built_before() -%}
with standing as (
    select
        {% for column in key + columns %}{{ column }}, {% endfor %}
        _batch_seq
    from {{ relation }}
)

select
    {% for column in key + columns %}standing.{{ column }}, {% endfor %}
    true as is_current,
    cast({% if before %}coalesce(held._batch_seq, standing._batch_seq){% else %}standing._batch_seq{% endif %} as bigint) as _batch_seq
from standing
{%- if before %}
left join {{ this }} as held
    on {% for column in key %}held.{{ column }} = standing.{{ column }} and {% endfor %}
    {% for column in columns %}held.{{ column }} is not distinct from standing.{{ column }} and {% endfor %}
    held.is_current

union all

select
    {% for column in key + columns %}held.{{ column }}, {% endfor %}
    false as is_current,
    cast(case when held.is_current then newest._batch_seq else held._batch_seq end as bigint) as _batch_seq
from {{ this }} as held
cross join (select coalesce(max(_batch_seq), 0) as _batch_seq from standing) as newest
left join standing
    on {% for column in key %}held.{{ column }} = standing.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
where standing.{{ key[0] }} is null
{%- endif %}
{%- endmacro %}

{# True when the model's table stands from an earlier run and this is not a full build. #}
{% macro built_before() -%}
    {%- if not execute or flags.FULL_REFRESH -%}{{ return(false) }}{%- endif -%}
    {{ return(load_relation(this) is not none) }}
{%- endmacro %}
