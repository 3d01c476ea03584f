{# Conversions of units and instants that several staging models share. #}

{# Pieces: a dozen (DZ) is twelve; anything else is taken as pieces, because the landing rules refuse other units. #}
{% macro to_ea(quantity, uom) -%}
    (case when {{ uom }} = 'DZ' then 12 * {{ quantity }} else {{ quantity }} end)
{%- endmacro %}

{% macro to_kilograms(weight, unit) -%}
    (case when {{ unit }} = 'g' then cast({{ weight }} as decimal(28, 6)) * cast(0.001 as decimal(4, 3)) else {{ weight }} end)
{%- endmacro %}

{# Whole minutes from one timestamp to a later one, seconds cut. #}
{% macro whole_minutes_between(earlier, later) -%}
    {{ return(adapter.dispatch('whole_minutes_between')(earlier, later)) }}
{%- endmacro %}

{% macro default__whole_minutes_between(earlier, later) -%}
    cast(floor({{ dbt.datediff(earlier, later, 'second') }} / 60.0) as bigint)
{%- endmacro %}

{% macro duckdb__whole_minutes_between(earlier, later) -%}
    date_sub('minute', {{ earlier }}, {{ later }})
{%- endmacro %}

{# Seconds as minutes. The quotient goes through a double, which is exact to six decimals below 9e9 minutes. #}
{% macro seconds_to_minutes(seconds) -%}
    (({{ seconds }}) / 60.0)
{%- endmacro %}

{# A numerator or denominator: exact, six decimals, room for any company's sums. #}
{% macro exact(expression) -%}
    cast({{ expression }} as decimal(28, 6))
{%- endmacro %}
