{# delete+insert for models that use touched_days: delete those days, insert what the model now has for them. The stock
   strategy deletes only days that come back with rows, which would keep a day alive that a correction has emptied.
   Models without touched days keep the stock strategy. #}
{% macro default__get_incremental_delete_insert_sql(arg_dict) -%}
    {%- set marker = '/* touched_days:' -%}
    {%- set parts = (model['compiled_code'] or '').split(marker) -%}
    {%- if parts | length == 1 -%}
        {{ return(get_delete_insert_merge_sql(
            arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'],
            arg_dict['dest_columns'], arg_dict['incremental_predicates']
        )) }}
    {%- endif -%}
    {%- set days = parts[1].split('*/')[0] | trim -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- if days %}
    delete from {{ arg_dict['target_relation'] }}
    where {{ arg_dict['unique_key'] }} in ({% for day in days.split(',') %}cast('{{ day }}' as date){{ ', ' if not loop.last }}{% endfor %});
    {%- endif %}
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    (select {{ columns }} from {{ arg_dict['temp_relation'] }})
{%- endmacro %}
