{# A source pack maps one company's systems to entities; conformed and metric models know only the entities. #}

{# True when the chosen pack feeds every one of these entities. A model that needs one it does not feed is disabled. #}
{% macro pack_provides(entities) -%}
    {%- set missing = [] -%}
    {%- for entity in entities if entity not in var('pack_entities') -%}
        {%- do missing.append(entity) -%}
    {%- endfor -%}
    {{ return(missing | length == 0) }}
{%- endmacro %}

{# The chosen pack's model of an entity. #}
{% macro pack_entity(entity) -%}
    {{ return(ref(var('source_pack') ~ '__' ~ entity)) }}
{%- endmacro %}

{# True when rows of the entity may vanish without a successor, as they do when its source table is a snapshot: a row
   that the newer export leaves out is gone. The pack says so in the entity's yml: config.meta.trueloop.rows_may_vanish. #}
{% macro rows_may_vanish(entity) -%}
    {%- if not execute -%}{{ return(false) }}{%- endif -%}
    {%- set node = (graph.get('nodes') or {}).get('model.' ~ project_name ~ '.' ~ var('source_pack') ~ '__' ~ entity) -%}
    {{ return(node is not none and (node.config.meta.get('trueloop') or {}).get('rows_may_vanish', false)) }}
{%- endmacro %}

{# What the pack's users call the source of an entity: a mapping with system, table and key columns, from the entity's yml
   (config.meta.source_table); the pack's and the entity's names where it says nothing. #}
{% macro source_table(entity) -%}
    {%- set node = ((graph.get('nodes') or {}) if execute else {}).get('model.' ~ project_name ~ '.' ~ var('source_pack') ~ '__' ~ entity) -%}
    {{ return((node.config.meta.get('source_table') if node else none) or {'system': var('source_pack'), 'table': entity}) }}
{%- endmacro %}

{# A key as text for people, as the quarantine writes it: name=value, name=value. `names` are what the source calls them. #}
{% macro key_text(columns, names=none) -%}
    {%- for column in columns -%}
        '{{ ', ' if not loop.first }}{{ (names or columns)[loop.index0] }}=' || cast({{ column }} as {{ dbt.type_string() }}){{ ' || ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
