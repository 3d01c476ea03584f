-- The metric sales_gross_margin as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS sales_gross_margin
FROM main.metric_sales_gross_margin metric_sales_gross_margin_src_10000

-- The published figure
SELECT
  sales_gross_margin_numerator,
  sales_gross_margin_denominator
FROM (
  SELECT
    sales_gross_margin_numerator,
    sales_gross_margin_denominator
  FROM (
    SELECT
      SUM(numerator) AS sales_gross_margin_numerator,
      SUM(denominator) AS sales_gross_margin_denominator
    FROM main.metric_sales_gross_margin AS metric_sales_gross_margin_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  item,
  item_group,
  sales_gross_margin_numerator,
  sales_gross_margin_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(item AS TEXT) AS item,
    CAST(item_group AS TEXT) AS item_group,
    sales_gross_margin_numerator,
    sales_gross_margin_denominator
  FROM (
    SELECT
      metric_time__month,
      item,
      item_group,
      SUM(sales_gross_margin_numerator) AS sales_gross_margin_numerator,
      SUM(sales_gross_margin_denominator) AS sales_gross_margin_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        item_id AS item,
        group_id AS item_group,
        group_label AS sales_gross_margin_row__item_group_label,
        denominator AS sales_gross_margin_denominator,
        numerator AS sales_gross_margin_numerator
      FROM main.metric_sales_gross_margin AS metric_sales_gross_margin_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      (
        CAST(item AS TEXT) IN ($f0_0, $f0_1)
      )
      AND (
        CONTAINS(LOWER(CAST(sales_gross_margin_row__item_group_label AS TEXT)), LOWER($f1_0))
      )
    GROUP BY
      metric_time__month,
      item,
      item_group
  ) AS grouped
) AS figures
ORDER BY
  CAST(sales_gross_margin_numerator AS DOUBLE) / CAST(NULLIF(sales_gross_margin_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  item ASC,
  item_group ASC
LIMIT $most_rows
