-- The metric effective_case_share as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS effective_case_share
FROM main.metric_effective_case_share metric_effective_case_share_src_10000

-- The published figure
SELECT
  effective_case_share_numerator,
  effective_case_share_denominator
FROM (
  SELECT
    effective_case_share_numerator,
    effective_case_share_denominator
  FROM (
    SELECT
      SUM(numerator) AS effective_case_share_numerator,
      SUM(denominator) AS effective_case_share_denominator
    FROM main.metric_effective_case_share AS metric_effective_case_share_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  template,
  metric,
  effective_case_share_numerator,
  effective_case_share_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(template AS TEXT) AS template,
    CAST(metric AS TEXT) AS metric,
    effective_case_share_numerator,
    effective_case_share_denominator
  FROM (
    SELECT
      metric_time__month,
      template,
      metric,
      SUM(effective_case_share_numerator) AS effective_case_share_numerator,
      SUM(effective_case_share_denominator) AS effective_case_share_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        template_id AS template,
        metric_id AS metric,
        metric_label AS effective_case_share_row__metric_label,
        denominator AS effective_case_share_denominator,
        numerator AS effective_case_share_numerator
      FROM main.metric_effective_case_share AS metric_effective_case_share_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      (
        CAST(template AS TEXT) IN ($f0_0, $f0_1)
      )
      AND (
        CONTAINS(LOWER(CAST(effective_case_share_row__metric_label AS TEXT)), LOWER($f1_0))
      )
    GROUP BY
      metric_time__month,
      template,
      metric
  ) AS grouped
) AS figures
ORDER BY
  CAST(effective_case_share_numerator AS DOUBLE) / CAST(NULLIF(effective_case_share_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  template ASC,
  metric ASC
LIMIT $most_rows
