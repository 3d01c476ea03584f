-- The metric line_quality as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS line_quality
FROM main.metric_line_quality metric_line_quality_src_10000

-- The published figure
SELECT
  line_quality_numerator,
  line_quality_denominator
FROM (
  SELECT
    line_quality_numerator,
    line_quality_denominator
  FROM (
    SELECT
      SUM(numerator) AS line_quality_numerator,
      SUM(denominator) AS line_quality_denominator
    FROM main.metric_line_quality AS metric_line_quality_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  line,
  item,
  line_quality_numerator,
  line_quality_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(line AS TEXT) AS line,
    CAST(item AS TEXT) AS item,
    line_quality_numerator,
    line_quality_denominator
  FROM (
    SELECT
      metric_time__month,
      line,
      item,
      SUM(line_quality_numerator) AS line_quality_numerator,
      SUM(line_quality_denominator) AS line_quality_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        line_code AS line,
        item_id AS item,
        item_label AS line_quality_row__item_label,
        denominator AS line_quality_denominator,
        numerator AS line_quality_numerator
      FROM main.metric_line_quality AS metric_line_quality_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      (
        CAST(line AS TEXT) IN ($f0_0, $f0_1)
      )
      AND (
        CONTAINS(LOWER(CAST(line_quality_row__item_label AS TEXT)), LOWER($f1_0))
      )
    GROUP BY
      metric_time__month,
      line,
      item
  ) AS grouped
) AS figures
ORDER BY
  CAST(line_quality_numerator AS DOUBLE) / CAST(NULLIF(line_quality_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  line ASC,
  item ASC
LIMIT $most_rows
