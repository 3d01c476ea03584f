with source as (
    select * from {{ source('mes', 'production_runs') }}
    where _is_current
),

renamed as (
    select
        run_id,
        wo_no as work_order_no,
        line_code,
        item_code,
        machine_time,
        server_time,
        planned_minutes,
        total_count,
        good_count,
        ideal_cycle_seconds,
        case
            when machine_time is null then server_time
            when server_time is null then machine_time
            when abs({{ dbt.datediff('machine_time', 'server_time', 'second') }}) > 300 then server_time
            else machine_time
        end as event_at,
        case
            when machine_time is null or abs({{ dbt.datediff('machine_time', 'server_time', 'second') }}) > 300 then 'server'
            else 'machine'
        end as clock_source,
        _batch_seq
    from source
)

select * from renamed
