-- The metric absence_rate as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS absence_rate
FROM main.metric_absence_rate metric_absence_rate_src_10000

-- The published figure
SELECT
  absence_rate_numerator,
  absence_rate_denominator
FROM (
  SELECT
    absence_rate_numerator,
    absence_rate_denominator
  FROM (
    SELECT
      SUM(numerator) AS absence_rate_numerator,
      SUM(denominator) AS absence_rate_denominator
    FROM main.metric_absence_rate AS metric_absence_rate_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  department,
  absence_rate_numerator,
  absence_rate_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(department AS TEXT) AS department,
    absence_rate_numerator,
    absence_rate_denominator
  FROM (
    SELECT
      metric_time__month,
      department,
      SUM(absence_rate_numerator) AS absence_rate_numerator,
      SUM(absence_rate_denominator) AS absence_rate_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        department_id AS department,
        denominator AS absence_rate_denominator,
        numerator AS absence_rate_numerator
      FROM main.metric_absence_rate AS metric_absence_rate_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      CAST(department AS TEXT) IN ($f0_0, $f0_1)
    GROUP BY
      metric_time__month,
      department
  ) AS grouped
) AS figures
ORDER BY
  CAST(absence_rate_numerator AS DOUBLE) / CAST(NULLIF(absence_rate_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  department ASC
LIMIT $most_rows
