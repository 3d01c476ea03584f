-- The metric on_time_in_full as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS on_time_in_full
FROM main.metric_on_time_in_full metric_on_time_in_full_src_10000

-- The published figure
SELECT
  on_time_in_full_numerator,
  on_time_in_full_denominator
FROM (
  SELECT
    on_time_in_full_numerator,
    on_time_in_full_denominator
  FROM (
    SELECT
      SUM(numerator) AS on_time_in_full_numerator,
      SUM(denominator) AS on_time_in_full_denominator
    FROM main.metric_on_time_in_full AS metric_on_time_in_full_src_10000
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
  on_time_in_full_numerator,
  on_time_in_full_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(customer AS TEXT) AS customer,
    CAST(region AS TEXT) AS region,
    CAST(item AS TEXT) AS item,
    on_time_in_full_numerator,
    on_time_in_full_denominator
  FROM (
    SELECT
      metric_time__month,
      customer,
      region,
      item,
      SUM(on_time_in_full_numerator) AS on_time_in_full_numerator,
      SUM(on_time_in_full_denominator) AS on_time_in_full_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        customer_id AS customer,
        region,
        item_id AS item,
        region AS on_time_in_full_row__region_label,
        denominator AS on_time_in_full_denominator,
        numerator AS on_time_in_full_numerator
      FROM main.metric_on_time_in_full AS metric_on_time_in_full_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      (
        CAST(customer AS TEXT) IN ($f0_0, $f0_1)
      )
      AND (
        CONTAINS(LOWER(CAST(on_time_in_full_row__region_label AS TEXT)), LOWER($f1_0))
      )
    GROUP BY
      metric_time__month,
      customer,
      region,
      item
  ) AS grouped
) AS figures
ORDER BY
  CAST(on_time_in_full_numerator AS DOUBLE) / CAST(NULLIF(on_time_in_full_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  customer ASC,
  region ASC,
  item ASC
LIMIT $most_rows
