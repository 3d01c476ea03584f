-- The metric supplier_reject_rate as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS supplier_reject_rate
FROM main.metric_supplier_reject_rate metric_supplier_reject_rate_src_10000

-- The published figure
SELECT
  supplier_reject_rate_numerator,
  supplier_reject_rate_denominator
FROM (
  SELECT
    supplier_reject_rate_numerator,
    supplier_reject_rate_denominator
  FROM (
    SELECT
      SUM(numerator) AS supplier_reject_rate_numerator,
      SUM(denominator) AS supplier_reject_rate_denominator
    FROM main.metric_supplier_reject_rate AS metric_supplier_reject_rate_src_10000
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
  supplier_reject_rate_numerator,
  supplier_reject_rate_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(supplier AS TEXT) AS supplier,
    CAST(item AS TEXT) AS item,
    supplier_reject_rate_numerator,
    supplier_reject_rate_denominator
  FROM (
    SELECT
      metric_time__month,
      supplier,
      item,
      SUM(supplier_reject_rate_numerator) AS supplier_reject_rate_numerator,
      SUM(supplier_reject_rate_denominator) AS supplier_reject_rate_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        supplier_id AS supplier,
        item_id AS item,
        item_label AS supplier_reject_rate_row__item_label,
        denominator AS supplier_reject_rate_denominator,
        numerator AS supplier_reject_rate_numerator
      FROM main.metric_supplier_reject_rate AS metric_supplier_reject_rate_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      (
        CAST(supplier AS TEXT) IN ($f0_0, $f0_1)
      )
      AND (
        CONTAINS(LOWER(CAST(supplier_reject_rate_row__item_label AS TEXT)), LOWER($f1_0))
      )
    GROUP BY
      metric_time__month,
      supplier,
      item
  ) AS grouped
) AS figures
ORDER BY
  CAST(supplier_reject_rate_numerator AS DOUBLE) / CAST(NULLIF(supplier_reject_rate_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  supplier ASC,
  item ASC
LIMIT $most_rows
