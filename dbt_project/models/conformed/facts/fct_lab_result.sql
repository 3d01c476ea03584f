{{ config(enabled=pack_provides(['lab_result', 'receipt_line', 'item_code', 'partner_code'])) }}
{%- set seq = watermark() %}
{%- set lab_result = pack_entity('lab_result') %}
{%- set touched %}
    {{ new_days(lab_result, seq) }}
    union all
    {{ moved_days(lab_result, ['result_id'], seq) }}
    union all
    {{ recoded_days('supplier', seq) }}
    union all
    {{ recoded_days('item', seq) }}
    union all
    {{ adopted_days(ref('fct_receipt_line'), ['receipt_no'], 'receipt_matched', seq) }}
    {{ or_vanished_days('lab_result', lab_result, ['result_id']) }}
{%- endset %}
{%- set days = touched_days(touched) %}

with results as (
    select * from {{ lab_result }}
    where {{ on_days('event_date', days) }} and {{ at_days('sampled_at', days) }}
),

parents as (
    select receipt_no, _batch_seq
    from {{ ref('fct_receipt_line') }}
    where receipt_no in (select receipt_no from results)
)

select
    results.result_id,
    results.receipt_no,
    results.supplier_system,
    results.supplier_code,
    results.item_system,
    results.item_code,
    results.sampled_at,
    results.event_date,
    results.characteristic,
    results.measured_mm,
    results.is_passed,
    {{ code_id('supplier') }} as supplier_id,
    {{ code_id('item') }} as item_id,
    parents.receipt_no is not null as receipt_matched,
    greatest(results._batch_seq, coalesce(supplier_codes._batch_seq, -1), coalesce(item_codes._batch_seq, -1), coalesce(parents._batch_seq, -1)) as _batch_seq
from results
{{ join_code('supplier', 'results') }}
{{ join_code('item', 'results') }}
left join parents
    on parents.receipt_no = results.receipt_no
{{ in_order_of_days(days) }}
