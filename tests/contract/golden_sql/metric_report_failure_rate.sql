-- The metric report_failure_rate as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS report_failure_rate
FROM main.metric_report_failure_rate metric_report_failure_rate_src_10000

-- The published figure
SELECT
  report_failure_rate_numerator,
  report_failure_rate_denominator
FROM (
  SELECT
    report_failure_rate_numerator,
    report_failure_rate_denominator
  FROM (
    SELECT
      SUM(numerator) AS report_failure_rate_numerator,
      SUM(denominator) AS report_failure_rate_denominator
    FROM main.metric_report_failure_rate AS metric_report_failure_rate_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  job,
  report_failure_rate_numerator,
  report_failure_rate_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(job AS TEXT) AS job,
    report_failure_rate_numerator,
    report_failure_rate_denominator
  FROM (
    SELECT
      metric_time__month,
      job,
      SUM(report_failure_rate_numerator) AS report_failure_rate_numerator,
      SUM(report_failure_rate_denominator) AS report_failure_rate_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        job_id AS job,
        denominator AS report_failure_rate_denominator,
        numerator AS report_failure_rate_numerator
      FROM main.metric_report_failure_rate AS metric_report_failure_rate_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      CAST(job AS TEXT) IN ($f0_0, $f0_1)
    GROUP BY
      metric_time__month,
      job
  ) AS grouped
) AS figures
ORDER BY
  CAST(report_failure_rate_numerator AS DOUBLE) / CAST(NULLIF(report_failure_rate_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  job ASC
LIMIT $most_rows
