{# SQL of a dimension or crosswalk: one row for each member of `relation`, and `_batch_seq` of its last real change.

   A monthly export repeats every member; facts and metrics must not be rebuilt for those that stayed the same. So a
   member keeps the `_batch_seq` under which its columns took their present values. A member that the source no longer
   lists stays with is_current = false, so that what refers to it is rebuilt once; a full build forgets it.

   `copied` names the columns that facts and metrics copy, where others change more often (safety stock is planned anew
   every month): `_facts_seq` is then the batch of the last change of those alone, and metrics go by it. #}
{% macro members(relation, key, columns, copied=none) -%}
    {%- set before = built_before() -%}
    {%- set marks = {'_batch_seq': columns} -%}
    {%- if copied -%}{%- do marks.update({'_facts_seq': copied}) -%}{%- endif -%}
with standing as (
    select
        {% for column in key + columns %}{{ column }}, {% endfor %}
        _batch_seq
    from {{ relation }}
)

select
    {% for column in key + columns %}standing.{{ column }}, {% endfor %}
    true as is_current
    {%- for mark, watched in marks.items() %},
    cast(
        {%- if before %}
        case
            when held.is_current
            {%- for column in watched %} and held.{{ column }} is not distinct from standing.{{ column }}{% endfor %}
                then held.{{ mark }}
            else standing._batch_seq
        end
        {%- else %}
        standing._batch_seq
        {%- endif %}
        as bigint
    ) as {{ mark }}
    {%- endfor %}
from standing
{%- if before %}
left join {{ this }} as held
    on {% for column in key %}held.{{ column }} = standing.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}

union all

select
    {% for column in key + columns %}held.{{ column }}, {% endfor %}
    false as is_current
    {%- for mark in marks %},
    cast(case when held.is_current then newest._batch_seq else held.{{ mark }} end as bigint) as {{ mark }}
    {%- endfor %}
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

{# Days on which this fact holds codes of items (suppliers, customers) that the crosswalk now resolves otherwise. #}
{% macro recoded_days(what, seq) -%}
    select held.event_date
    from {{ this }} as held
    inner join {{ ref('xwalk_item') if what == 'item' else ref('xwalk_partner') }} as member
        on held.{{ what }}_system = member.system and held.{{ what }}_code = member.code
        {%- if what != 'item' %} and member.kind = '{{ what }}'{% endif %}
    where {{ is_new(seq, 'member') }}
{%- endmacro %}

{# Days on which this fact holds rows whose parent was missing and has come since. #}
{% macro adopted_days(parent, key, flag, seq) -%}
    select held.event_date
    from {{ this }} as held
    inner join {{ parent }} as parent
        on {% for column in key %}held.{{ column }} = parent.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    where not held.{{ flag }} and {{ is_new(seq, 'parent') }}
{%- endmacro %}

{# Join that looks a code of `alias` up in the crosswalk; code_id gives the id. A code that was taken out of the crosswalk
   joins as well: the row then has no id, but the crosswalk's `_batch_seq`, so that metrics see that it changed. #}
{% macro join_code(what, alias) -%}
left join {{ ref('xwalk_item') if what == 'item' else ref('xwalk_partner') }} as {{ what }}_codes
    on {{ what }}_codes.system = {{ alias }}.{{ what }}_system
    and {{ what }}_codes.code = {{ alias }}.{{ what }}_code
    {%- if what != 'item' %}
    and {{ what }}_codes.kind = '{{ what }}'
    {%- endif %}
{%- endmacro %}

{# The conformed id that join_code found; null if the code is in no crosswalk. #}
{% macro code_id(what) -%}
    case when {{ what }}_codes.is_current then {{ what }}_codes.{{ 'item_id' if what == 'item' else 'partner_id' }} end
{%- endmacro %}
