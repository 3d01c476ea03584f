-- The metric line_oee as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS line_oee
FROM main.metric_line_oee metric_line_oee_src_10000

-- The published figure
SELECT
  line_oee_numerator,
  line_oee_denominator
FROM (
  SELECT
    line_oee_numerator,
    line_oee_denominator
  FROM (
    SELECT
      SUM(numerator) AS line_oee_numerator,
      SUM(denominator) AS line_oee_denominator
    FROM main.metric_line_oee AS metric_line_oee_src_10000
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
  line_oee_numerator,
  line_oee_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(line AS TEXT) AS line,
    CAST(item AS TEXT) AS item,
    line_oee_numerator,
    line_oee_denominator
  FROM (
    SELECT
      metric_time__month,
      line,
      item,
      SUM(line_oee_numerator) AS line_oee_numerator,
      SUM(line_oee_denominator) AS line_oee_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        line_code AS line,
        item_id AS item,
        item_label AS line_oee_row__item_label,
        denominator AS line_oee_denominator,
        numerator AS line_oee_numerator
      FROM main.metric_line_oee AS metric_line_oee_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      (
        CAST(line AS TEXT) IN ($f0_0, $f0_1)
      )
      AND (
        CONTAINS(LOWER(CAST(line_oee_row__item_label AS TEXT)), LOWER($f1_0))
      )
    GROUP BY
      metric_time__month,
      line,
      item
  ) AS grouped
) AS figures
ORDER BY
  CAST(line_oee_numerator AS DOUBLE) / CAST(NULLIF(line_oee_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  line ASC,
  item ASC
LIMIT $most_rows
