-- The metric production_rework_rate as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS production_rework_rate
FROM main.metric_production_rework_rate metric_production_rework_rate_src_10000

-- The published figure
SELECT
  production_rework_rate_numerator,
  production_rework_rate_denominator
FROM (
  SELECT
    production_rework_rate_numerator,
    production_rework_rate_denominator
  FROM (
    SELECT
      SUM(numerator) AS production_rework_rate_numerator,
      SUM(denominator) AS production_rework_rate_denominator
    FROM main.metric_production_rework_rate AS metric_production_rework_rate_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  item,
  production_rework_rate_numerator,
  production_rework_rate_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(item AS TEXT) AS item,
    production_rework_rate_numerator,
    production_rework_rate_denominator
  FROM (
    SELECT
      metric_time__month,
      item,
      SUM(production_rework_rate_numerator) AS production_rework_rate_numerator,
      SUM(production_rework_rate_denominator) AS production_rework_rate_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        item_id AS item,
        denominator AS production_rework_rate_denominator,
        numerator AS production_rework_rate_numerator
      FROM main.metric_production_rework_rate AS metric_production_rework_rate_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      CAST(item AS TEXT) IN ($f0_0, $f0_1)
    GROUP BY
      metric_time__month,
      item
  ) AS grouped
) AS figures
ORDER BY
  CAST(production_rework_rate_numerator AS DOUBLE) / CAST(NULLIF(production_rework_rate_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  item ASC
LIMIT $most_rows
