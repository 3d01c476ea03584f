-- The metric order_change_cycle_time as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS order_change_cycle_time
FROM main.metric_order_change_cycle_time metric_order_change_cycle_time_src_10000

-- The published figure
SELECT
  order_change_cycle_time_numerator,
  order_change_cycle_time_denominator
FROM (
  SELECT
    order_change_cycle_time_numerator,
    order_change_cycle_time_denominator
  FROM (
    SELECT
      SUM(numerator) AS order_change_cycle_time_numerator,
      SUM(denominator) AS order_change_cycle_time_denominator
    FROM main.metric_order_change_cycle_time AS metric_order_change_cycle_time_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  kind,
  order_change_cycle_time_numerator,
  order_change_cycle_time_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(kind AS TEXT) AS kind,
    order_change_cycle_time_numerator,
    order_change_cycle_time_denominator
  FROM (
    SELECT
      metric_time__month,
      kind,
      SUM(order_change_cycle_time_numerator) AS order_change_cycle_time_numerator,
      SUM(order_change_cycle_time_denominator) AS order_change_cycle_time_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        kind,
        denominator AS order_change_cycle_time_denominator,
        numerator AS order_change_cycle_time_numerator
      FROM main.metric_order_change_cycle_time AS metric_order_change_cycle_time_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      CAST(kind AS TEXT) IN ($f0_0, $f0_1)
    GROUP BY
      metric_time__month,
      kind
  ) AS grouped
) AS figures
ORDER BY
  CAST(order_change_cycle_time_numerator AS DOUBLE) / CAST(NULLIF(order_change_cycle_time_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  kind ASC
LIMIT $most_rows
