{# Incremental models replace whole days: those days that new rows touch, and no others.

   A model collects its touched days in one query (text), asks `touched_days` for them, and filters each of its inputs
   with `on_days`. The days stand as literals in the SQL, so that a database with zone maps or partitions reads only
   them; the delete+insert strategy (incremental_strategy.sql) reads the same list and deletes exactly these days, also
   those that are empty now. On a first or full build every macro here steps aside.

     set seq = watermark()
     set touched -> {{ new_days(ref('fct_a'), seq) }} union all {{ moved_days(ref('fct_a'), ['id'], seq) }}
     set days = touched_days(touched)
     select ... where {{ on_days('event_date', days) }}
#}

{# The largest _batch_seq that this model has taken in; rows beyond it are new. none on a first or full build, and in unit
   tests, which have no `this`. #}
{% macro watermark() -%}
    {%- if not execute or this is none or not is_incremental() -%}{{ return(none) }}{%- endif -%}
    {%- set found = run_query('select coalesce(max(_batch_seq), -1) as seq from ' ~ this) -%}
    {{ return(found.columns[0].values()[0] | int) }}
{%- endmacro %}

{# Condition: the row came in after the watermark. #}
{% macro is_new(seq, alias=none) -%}
    {{ (alias ~ '.') if alias else '' }}_batch_seq > {{ -1 if seq is none else seq }}
{%- endmacro %}

{# Days on which new rows of a relation lie. `day` is an expression over its columns. #}
{% macro new_days(relation, seq, day='event_date') -%}
    select {{ day }} as event_date from {{ relation }} where {{ is_new(seq) }}
{%- endmacro %}

{# Days on which this model still holds an older version of the new rows, found by key: a corrected row may move from one
   day to another, and both must be rebuilt. Not needed where the day is part of the key or immutable. #}
{% macro moved_days(relation, key, seq) -%}
    select held.event_date
    from {{ this }} as held
    inner join (select distinct {{ key | join(', ') }} from {{ relation }} where {{ is_new(seq) }}) as renewed
        on {% for column in key %}held.{{ column }} = renewed.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}

{# Days with rows of a dimension member that changed after the watermark: its label or cost stands in them. `mark` is the
   column that says when it changed (see members). #}
{% macro changed_member_days(relation, key, seq, mark='_batch_seq') -%}
    select held.event_date
    from {{ this }} as held
    inner join {{ relation }} as member
        on {% for column in key %}held.{{ column }} = member.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    where member.{{ mark }} > {{ -1 if seq is none else seq }}
{%- endmacro %}

{# Days with rows whose source row is gone without a successor; only for entities that say so (see rows_may_vanish),
   because it reads the keys of all history. `relation` has the same key columns as this model. Starts with union all. #}
{% macro or_vanished_days(entity, relation, key) -%}
    {%- if rows_may_vanish(entity) %}
    union all
    select held.event_date
    from {{ this }} as held
    left join {{ relation }} as standing
        on {% for column in key %}held.{{ column }} = standing.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    where standing.{{ key[0] }} is null
    {%- endif -%}
{%- endmacro %}

{# The sorted days, as texts, that a query with a column event_date gives; none on a first or full build. #}
{% macro touched_days(query) -%}
    {%- if not execute or this is none or not is_incremental() -%}{{ return(none) }}{%- endif -%}
    {%- set found = run_query(
        'select distinct cast(cast(event_date as date) as ' ~ dbt.type_string() ~ ') as event_day from (' ~ query
        ~ ') as touched where event_date is not null order by 1'
    ) -%}
    {{ return(found.columns[0].values() | list) }}
{%- endmacro %}

{# Condition: the date column lies on a touched day. Carries the list for the strategy as a comment. #}
{% macro on_days(column, days) -%}
    {%- if days is none -%}
        1 = 1
    {%- elif days | length == 0 -%}
        /* touched_days: */ 1 = 0
    {%- else -%}
        /* touched_days:{{ days | join(',') }} */ {{ column }} in ({% for day in days %}cast('{{ day }}' as date){{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}

{# Condition: the timestamp column lies within the touched days. Written as ranges of the column itself, because a
   function of the column would hide it from zone maps. #}
{% macro at_days(column, days) -%}
    {%- if days is none -%}
        1 = 1
    {%- elif days | length == 0 -%}
        1 = 0
    {%- else -%}
        {%- set one = modules.datetime.timedelta(days=1) -%}
        {%- set spans = [] -%}
        {%- for text in days -%}
            {%- set day = modules.datetime.date.fromisoformat(text) -%}
            {%- if spans and spans[-1][1] == day -%}
                {%- do spans.append((spans.pop()[0], day + one)) -%}
            {%- else -%}
                {%- do spans.append((day, day + one)) -%}
            {%- endif -%}
        {%- endfor -%}
        ({% for span in spans -%}
        ({{ column }} >= cast('{{ span[0] }}' as timestamp) and {{ column }} < cast('{{ span[1] }}' as timestamp)){{ ' or ' if not loop.last }}
        {%- endfor %})
    {%- endif -%}
{%- endmacro %}

{# Last line of a model that grows: a first or full build writes its rows in order of day, so that later runs can skip. #}
{% macro in_order_of_days(days, column='event_date') -%}
    {%- if days is none %}order by {{ column }}{% endif -%}
{%- endmacro %}
