-- The metric case_cycle_time as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS case_cycle_time
FROM main.metric_case_cycle_time metric_case_cycle_time_src_10000

-- The published figure
SELECT
  case_cycle_time_numerator,
  case_cycle_time_denominator
FROM (
  SELECT
    case_cycle_time_numerator,
    case_cycle_time_denominator
  FROM (
    SELECT
      SUM(numerator) AS case_cycle_time_numerator,
      SUM(denominator) AS case_cycle_time_denominator
    FROM main.metric_case_cycle_time AS metric_case_cycle_time_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  template,
  case_cycle_time_numerator,
  case_cycle_time_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(template AS TEXT) AS template,
    case_cycle_time_numerator,
    case_cycle_time_denominator
  FROM (
    SELECT
      metric_time__month,
      template,
      SUM(case_cycle_time_numerator) AS case_cycle_time_numerator,
      SUM(case_cycle_time_denominator) AS case_cycle_time_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        template_id AS template,
        denominator AS case_cycle_time_denominator,
        numerator AS case_cycle_time_numerator
      FROM main.metric_case_cycle_time AS metric_case_cycle_time_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      CAST(template AS TEXT) IN ($f0_0, $f0_1)
    GROUP BY
      metric_time__month,
      template
  ) AS grouped
) AS figures
ORDER BY
  CAST(case_cycle_time_numerator AS DOUBLE) / CAST(NULLIF(case_cycle_time_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  template ASC
LIMIT $most_rows
