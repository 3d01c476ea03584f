-- The metric consistency_score as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS consistency_score
FROM main.metric_consistency_score metric_consistency_score_src_10000

-- The published figure
SELECT
  consistency_score_numerator,
  consistency_score_denominator
FROM (
  SELECT
    consistency_score_numerator,
    consistency_score_denominator
  FROM (
    SELECT
      SUM(numerator) AS consistency_score_numerator,
      SUM(denominator) AS consistency_score_denominator
    FROM main.metric_consistency_score AS metric_consistency_score_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  metric,
  consistency_score_numerator,
  consistency_score_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(metric AS TEXT) AS metric,
    consistency_score_numerator,
    consistency_score_denominator
  FROM (
    SELECT
      metric_time__month,
      metric,
      SUM(consistency_score_numerator) AS consistency_score_numerator,
      SUM(consistency_score_denominator) AS consistency_score_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        metric_id AS metric,
        denominator AS consistency_score_denominator,
        numerator AS consistency_score_numerator
      FROM main.metric_consistency_score AS metric_consistency_score_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      CAST(metric AS TEXT) IN ($f0_0, $f0_1)
    GROUP BY
      metric_time__month,
      metric
  ) AS grouped
) AS figures
ORDER BY
  CAST(consistency_score_numerator AS DOUBLE) / CAST(NULLIF(consistency_score_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  metric ASC
LIMIT $most_rows
