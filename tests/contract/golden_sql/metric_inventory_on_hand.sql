-- The metric inventory_on_hand as MetricFlow compiles it
SELECT
  SUM(subq_2.__inventory_on_hand) AS inventory_on_hand
FROM (
  SELECT
    DATE_TRUNC('day', event_date) AS event_date__day
    , numerator AS __inventory_on_hand
  FROM main.metric_inventory_on_hand metric_inventory_on_hand_src_10000
) subq_2
INNER JOIN (
  SELECT
    MAX(DATE_TRUNC('day', event_date)) AS event_date__day__complete
  FROM main.metric_inventory_on_hand metric_inventory_on_hand_src_10000
) subq_4
ON
  subq_2.event_date__day = subq_4.event_date__day__complete

-- The published figure
SELECT
  inventory_on_hand_numerator,
  inventory_on_hand_denominator
FROM (
  SELECT
    inventory_on_hand_numerator,
    inventory_on_hand_denominator
  FROM (
    SELECT
      SUM(subq_5.__inventory_on_hand_numerator) AS inventory_on_hand_numerator,
      SUM(subq_5.__inventory_on_hand_denominator) AS inventory_on_hand_denominator
    FROM (
      SELECT
        event_date AS event_date__day,
        denominator AS __inventory_on_hand_denominator,
        numerator AS __inventory_on_hand_numerator
      FROM main.metric_inventory_on_hand AS metric_inventory_on_hand_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    INNER JOIN (
      SELECT
        MAX(event_date) AS event_date__day__complete
      FROM main.metric_inventory_on_hand AS metric_inventory_on_hand_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_7
      ON subq_5.event_date__day = subq_7.event_date__day__complete
  ) AS grouped
) AS figures
LIMIT $most_rows

-- By month and every dimension, filtered, highest first
SELECT
  period_start,
  item,
  warehouse,
  inventory_on_hand_numerator,
  inventory_on_hand_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(item AS TEXT) AS item,
    CAST(warehouse AS TEXT) AS warehouse,
    inventory_on_hand_numerator,
    inventory_on_hand_denominator
  FROM (
    SELECT
      subq_6.metric_time__month AS metric_time__month,
      subq_6.item AS item,
      subq_6.warehouse AS warehouse,
      SUM(subq_6.__inventory_on_hand_numerator) AS inventory_on_hand_numerator,
      SUM(subq_6.__inventory_on_hand_denominator) AS inventory_on_hand_denominator
    FROM (
      SELECT
        inventory_on_hand_denominator AS __inventory_on_hand_denominator,
        inventory_on_hand_numerator AS __inventory_on_hand_numerator,
        event_date__day,
        metric_time__month,
        item,
        warehouse
      FROM (
        SELECT
          event_date AS event_date__day,
          DATE_TRUNC('MONTH', event_date) AS metric_time__month,
          item_id AS item,
          warehouse,
          warehouse AS inventory_on_hand_row__warehouse_label,
          denominator AS inventory_on_hand_denominator,
          numerator AS inventory_on_hand_numerator
        FROM main.metric_inventory_on_hand AS metric_inventory_on_hand_src_10000
        WHERE
          event_date BETWEEN $first_day AND $last_day
      ) AS subq_5
      WHERE
        (
          CAST(item AS TEXT) IN ($f0_0, $f0_1)
        )
        AND (
          CONTAINS(LOWER(CAST(inventory_on_hand_row__warehouse_label AS TEXT)), LOWER($f1_0))
        )
    ) AS subq_6
    INNER JOIN (
      SELECT
        metric_time__month,
        MAX(event_date__day) AS event_date__day__complete
      FROM (
        SELECT
          event_date AS event_date__day,
          DATE_TRUNC('MONTH', event_date) AS metric_time__month,
          item_id AS item,
          warehouse AS inventory_on_hand_row__warehouse_label
        FROM main.metric_inventory_on_hand AS metric_inventory_on_hand_src_10000
        WHERE
          event_date BETWEEN $first_day AND $last_day
      ) AS subq_5
      GROUP BY
        metric_time__month
    ) AS subq_8
      ON subq_6.event_date__day = subq_8.event_date__day__complete
    GROUP BY
      subq_6.metric_time__month,
      subq_6.item,
      subq_6.warehouse
  ) AS grouped
) AS figures
ORDER BY
  inventory_on_hand_numerator DESC,
  period_start ASC,
  item ASC,
  warehouse ASC
LIMIT $most_rows
