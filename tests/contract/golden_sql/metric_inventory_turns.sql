-- The metric inventory_turns as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS inventory_turns
FROM main.metric_inventory_turns metric_inventory_turns_src_10000

-- The published figure
SELECT
  inventory_turns_numerator,
  inventory_turns_denominator
FROM (
  SELECT
    inventory_turns_numerator,
    inventory_turns_denominator
  FROM (
    SELECT
      SUM(numerator) AS inventory_turns_numerator,
      SUM(denominator) AS inventory_turns_denominator
    FROM main.metric_inventory_turns AS metric_inventory_turns_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  item,
  inventory_turns_numerator,
  inventory_turns_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(item AS TEXT) AS item,
    inventory_turns_numerator,
    inventory_turns_denominator
  FROM (
    SELECT
      metric_time__month,
      item,
      SUM(inventory_turns_numerator) AS inventory_turns_numerator,
      SUM(inventory_turns_denominator) AS inventory_turns_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        item_id AS item,
        denominator AS inventory_turns_denominator,
        numerator AS inventory_turns_numerator
      FROM main.metric_inventory_turns AS metric_inventory_turns_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      CAST(item AS TEXT) IN ($f0_0, $f0_1)
    GROUP BY
      metric_time__month,
      item
  ) AS grouped
) AS figures
ORDER BY
  CAST(inventory_turns_numerator AS DOUBLE) / CAST(NULLIF(inventory_turns_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  item ASC
LIMIT $most_rows
