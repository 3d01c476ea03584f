-- The metric order_gross_margin as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS order_gross_margin
FROM main.metric_order_gross_margin metric_order_gross_margin_src_10000

-- The published figure
SELECT
  order_gross_margin_numerator,
  order_gross_margin_denominator
FROM (
  SELECT
    order_gross_margin_numerator,
    order_gross_margin_denominator
  FROM (
    SELECT
      SUM(numerator) AS order_gross_margin_numerator,
      SUM(denominator) AS order_gross_margin_denominator
    FROM main.metric_order_gross_margin AS metric_order_gross_margin_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  customer,
  region,
  item,
  order_gross_margin_numerator,
  order_gross_margin_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(customer AS TEXT) AS customer,
    CAST(region AS TEXT) AS region,
    CAST(item AS TEXT) AS item,
    order_gross_margin_numerator,
    order_gross_margin_denominator
  FROM (
    SELECT
      metric_time__month,
      customer,
      region,
      item,
      SUM(order_gross_margin_numerator) AS order_gross_margin_numerator,
      SUM(order_gross_margin_denominator) AS order_gross_margin_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        customer_id AS customer,
        region,
        item_id AS item,
        region AS order_gross_margin_row__region_label,
        denominator AS order_gross_margin_denominator,
        numerator AS order_gross_margin_numerator
      FROM main.metric_order_gross_margin AS metric_order_gross_margin_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      (
        CAST(customer AS TEXT) IN ($f0_0, $f0_1)
      )
      AND (
        CONTAINS(LOWER(CAST(order_gross_margin_row__region_label AS TEXT)), LOWER($f1_0))
      )
    GROUP BY
      metric_time__month,
      customer,
      region,
      item
  ) AS grouped
) AS figures
ORDER BY
  CAST(order_gross_margin_numerator AS DOUBLE) / CAST(NULLIF(order_gross_margin_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  customer ASC,
  region ASC,
  item ASC
LIMIT $most_rows
