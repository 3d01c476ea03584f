-- The metric customer_satisfaction as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS customer_satisfaction
FROM main.metric_customer_satisfaction metric_customer_satisfaction_src_10000

-- The published figure
SELECT
  customer_satisfaction_numerator,
  customer_satisfaction_denominator
FROM (
  SELECT
    customer_satisfaction_numerator,
    customer_satisfaction_denominator
  FROM (
    SELECT
      SUM(numerator) AS customer_satisfaction_numerator,
      SUM(denominator) AS customer_satisfaction_denominator
    FROM main.metric_customer_satisfaction AS metric_customer_satisfaction_src_10000
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
  customer_satisfaction_numerator,
  customer_satisfaction_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(customer AS TEXT) AS customer,
    CAST(region AS TEXT) AS region,
    customer_satisfaction_numerator,
    customer_satisfaction_denominator
  FROM (
    SELECT
      metric_time__month,
      customer,
      region,
      SUM(customer_satisfaction_numerator) AS customer_satisfaction_numerator,
      SUM(customer_satisfaction_denominator) AS customer_satisfaction_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        customer_id AS customer,
        region,
        region AS customer_satisfaction_row__region_label,
        denominator AS customer_satisfaction_denominator,
        numerator AS customer_satisfaction_numerator
      FROM main.metric_customer_satisfaction AS metric_customer_satisfaction_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      (
        CAST(customer AS TEXT) IN ($f0_0, $f0_1)
      )
      AND (
        CONTAINS(LOWER(CAST(customer_satisfaction_row__region_label AS TEXT)), LOWER($f1_0))
      )
    GROUP BY
      metric_time__month,
      customer,
      region
  ) AS grouped
) AS figures
ORDER BY
  CAST(customer_satisfaction_numerator AS DOUBLE) / CAST(NULLIF(customer_satisfaction_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  customer ASC,
  region ASC
LIMIT $most_rows
