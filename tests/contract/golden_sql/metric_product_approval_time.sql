-- The metric product_approval_time as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS product_approval_time
FROM main.metric_product_approval_time metric_product_approval_time_src_10000

-- The published figure
SELECT
  product_approval_time_numerator,
  product_approval_time_denominator
FROM (
  SELECT
    product_approval_time_numerator,
    product_approval_time_denominator
  FROM (
    SELECT
      SUM(numerator) AS product_approval_time_numerator,
      SUM(denominator) AS product_approval_time_denominator
    FROM main.metric_product_approval_time AS metric_product_approval_time_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  project,
  product_approval_time_numerator,
  product_approval_time_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(project AS TEXT) AS project,
    product_approval_time_numerator,
    product_approval_time_denominator
  FROM (
    SELECT
      metric_time__month,
      project,
      SUM(product_approval_time_numerator) AS product_approval_time_numerator,
      SUM(product_approval_time_denominator) AS product_approval_time_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        project_code AS project,
        denominator AS product_approval_time_denominator,
        numerator AS product_approval_time_numerator
      FROM main.metric_product_approval_time AS metric_product_approval_time_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      CAST(project AS TEXT) IN ($f0_0, $f0_1)
    GROUP BY
      metric_time__month,
      project
  ) AS grouped
) AS figures
ORDER BY
  CAST(product_approval_time_numerator AS DOUBLE) / CAST(NULLIF(product_approval_time_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  project ASC
LIMIT $most_rows
