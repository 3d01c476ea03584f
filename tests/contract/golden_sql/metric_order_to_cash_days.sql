-- The metric order_to_cash_days as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS order_to_cash_days
FROM main.metric_order_to_cash_days metric_order_to_cash_days_src_10000

-- The published figure
SELECT
  order_to_cash_days_numerator,
  order_to_cash_days_denominator
FROM (
  SELECT
    order_to_cash_days_numerator,
    order_to_cash_days_denominator
  FROM (
    SELECT
      SUM(numerator) AS order_to_cash_days_numerator,
      SUM(denominator) AS order_to_cash_days_denominator
    FROM main.metric_order_to_cash_days AS metric_order_to_cash_days_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  customer,
  region,
  order_to_cash_days_numerator,
  order_to_cash_days_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(customer AS TEXT) AS customer,
    CAST(region AS TEXT) AS region,
    order_to_cash_days_numerator,
    order_to_cash_days_denominator
  FROM (
    SELECT
      metric_time__month,
      customer,
      region,
      SUM(order_to_cash_days_numerator) AS order_to_cash_days_numerator,
      SUM(order_to_cash_days_denominator) AS order_to_cash_days_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        customer_id AS customer,
        region,
        region AS order_to_cash_days_row__region_label,
        denominator AS order_to_cash_days_denominator,
        numerator AS order_to_cash_days_numerator
      FROM main.metric_order_to_cash_days AS metric_order_to_cash_days_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      (
        CAST(customer AS TEXT) IN ($f0_0, $f0_1)
      )
      AND (
        CONTAINS(LOWER(CAST(order_to_cash_days_row__region_label AS TEXT)), LOWER($f1_0))
      )
    GROUP BY
      metric_time__month,
      customer,
      region
  ) AS grouped
) AS figures
ORDER BY
  CAST(order_to_cash_days_numerator AS DOUBLE) / CAST(NULLIF(order_to_cash_days_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  customer ASC,
  region ASC
LIMIT $most_rows
