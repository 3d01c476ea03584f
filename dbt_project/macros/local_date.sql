{# The calendar day, in the pack's time zone, of an instant that is stored as UTC without a zone. #}
{% macro utc_to_local_date(instant) -%}
    {{ return(adapter.dispatch('utc_to_local_date')(instant)) }}
{%- endmacro %}

{% macro default__utc_to_local_date(instant) -%}
    cast(({{ instant }} at time zone 'UTC') at time zone '{{ var('time_zone') }}' as date)
{%- endmacro %}

{% macro spark__utc_to_local_date(instant) -%}
    cast(from_utc_timestamp({{ instant }}, '{{ var('time_zone') }}') as date)
{%- endmacro %}
