-- The metric purchasing_short_received_lines as MetricFlow compiles it
SELECT
  SUM(numerator) AS purchasing_short_received_lines
FROM main.metric_purchasing_short_received_lines metric_purchasing_short_received_lines_src_10000

-- The published figure
SELECT
  purchasing_short_received_lines_numerator,
  purchasing_short_received_lines_denominator
FROM (
  SELECT
    purchasing_short_received_lines_numerator,
    purchasing_short_received_lines_denominator
  FROM (
    SELECT
      SUM(numerator) AS purchasing_short_received_lines_numerator,
      SUM(denominator) AS purchasing_short_received_lines_denominator
    FROM main.metric_purchasing_short_received_lines AS metric_purchasing_short_received_lines_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  supplier,
  item,
  purchasing_short_received_lines_numerator,
  purchasing_short_received_lines_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(supplier AS TEXT) AS supplier,
    CAST(item AS TEXT) AS item,
    purchasing_short_received_lines_numerator,
    purchasing_short_received_lines_denominator
  FROM (
    SELECT
      metric_time__month,
      supplier,
      item,
      SUM(purchasing_short_received_lines_numerator) AS purchasing_short_received_lines_numerator,
      SUM(purchasing_short_received_lines_denominator) AS purchasing_short_received_lines_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        supplier_id AS supplier,
        item_id AS item,
        item_label AS purchasing_short_received_lines_row__item_label,
        denominator AS purchasing_short_received_lines_denominator,
        numerator AS purchasing_short_received_lines_numerator
      FROM main.metric_purchasing_short_received_lines AS metric_purchasing_short_received_lines_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      (
        CAST(supplier AS TEXT) IN ($f0_0, $f0_1)
      )
      AND (
        CONTAINS(LOWER(CAST(purchasing_short_received_lines_row__item_label AS TEXT)), LOWER($f1_0))
      )
    GROUP BY
      metric_time__month,
      supplier,
      item
  ) AS grouped
) AS figures
ORDER BY
  purchasing_short_received_lines_numerator DESC,
  period_start ASC,
  supplier ASC,
  item ASC
LIMIT $most_rows
