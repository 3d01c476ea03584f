-- The metric case_rating as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS case_rating
FROM main.metric_case_rating metric_case_rating_src_10000

-- The published figure
SELECT
  case_rating_numerator,
  case_rating_denominator
FROM (
  SELECT
    case_rating_numerator,
    case_rating_denominator
  FROM (
    SELECT
      SUM(numerator) AS case_rating_numerator,
      SUM(denominator) AS case_rating_denominator
    FROM main.metric_case_rating AS metric_case_rating_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  template,
  case_rating_numerator,
  case_rating_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(template AS TEXT) AS template,
    case_rating_numerator,
    case_rating_denominator
  FROM (
    SELECT
      metric_time__month,
      template,
      SUM(case_rating_numerator) AS case_rating_numerator,
      SUM(case_rating_denominator) AS case_rating_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        template_id AS template,
        denominator AS case_rating_denominator,
        numerator AS case_rating_numerator
      FROM main.metric_case_rating AS metric_case_rating_src_10000
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
  CAST(case_rating_numerator AS DOUBLE) / CAST(NULLIF(case_rating_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  template ASC
LIMIT $most_rows
