with source as (
    select * from {{ source('mes', 'downtime_events') }}
    where _is_current
),

renamed as (
    select
        event_id as downtime_id,
        run_id,
        line_code,
        machine_time,
        server_time,
        minutes,
        reason,
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
