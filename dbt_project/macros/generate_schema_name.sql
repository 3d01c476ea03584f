{# Schemas are named staging, conformed and metrics alone, in every state folder: the file already says whose they are. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
