-- The metric products_below_safety_stock as MetricFlow compiles it
SELECT
  SUM(subq_2.__products_below_safety_stock) AS products_below_safety_stock
FROM (
  SELECT
    DATE_TRUNC('day', event_date) AS event_date__day
    , numerator AS __products_below_safety_stock
  FROM main.metric_products_below_safety_stock metric_products_below_safety_stock_src_10000
) subq_2
INNER JOIN (
  SELECT
    MAX(DATE_TRUNC('day', event_date)) AS event_date__day__complete
  FROM main.metric_products_below_safety_stock metric_products_below_safety_stock_src_10000
) subq_4
ON
  subq_2.event_date__day = subq_4.event_date__day__complete

-- The published figure
SELECT
  products_below_safety_stock_numerator,
  products_below_safety_stock_denominator
FROM (
  SELECT
    products_below_safety_stock_numerator,
    products_below_safety_stock_denominator
  FROM (
    SELECT
      SUM(subq_5.__products_below_safety_stock_numerator) AS products_below_safety_stock_numerator,
      SUM(subq_5.__products_below_safety_stock_denominator) AS products_below_safety_stock_denominator
    FROM (
      SELECT
        event_date AS event_date__day,
        denominator AS __products_below_safety_stock_denominator,
        numerator AS __products_below_safety_stock_numerator
      FROM main.metric_products_below_safety_stock AS metric_products_below_safety_stock_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    INNER JOIN (
      SELECT
        MAX(event_date) AS event_date__day__complete
      FROM main.metric_products_below_safety_stock AS metric_products_below_safety_stock_src_10000
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
  item_group,
  products_below_safety_stock_numerator,
  products_below_safety_stock_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(item AS TEXT) AS item,
    CAST(item_group AS TEXT) AS item_group,
    products_below_safety_stock_numerator,
    products_below_safety_stock_denominator
  FROM (
    SELECT
      subq_6.metric_time__month AS metric_time__month,
      subq_6.item AS item,
      subq_6.item_group AS item_group,
      SUM(subq_6.__products_below_safety_stock_numerator) AS products_below_safety_stock_numerator,
      SUM(subq_6.__products_below_safety_stock_denominator) AS products_below_safety_stock_denominator
    FROM (
      SELECT
        products_below_safety_stock_denominator AS __products_below_safety_stock_denominator,
        products_below_safety_stock_numerator AS __products_below_safety_stock_numerator,
        event_date__day,
        metric_time__month,
        item,
        item_group
      FROM (
        SELECT
          event_date AS event_date__day,
          DATE_TRUNC('MONTH', event_date) AS metric_time__month,
          item_id AS item,
          group_id AS item_group,
          group_label AS products_below_safety_stock_row__item_group_label,
          denominator AS products_below_safety_stock_denominator,
          numerator AS products_below_safety_stock_numerator
        FROM main.metric_products_below_safety_stock AS metric_products_below_safety_stock_src_10000
        WHERE
          event_date BETWEEN $first_day AND $last_day
      ) AS subq_5
      WHERE
        (
          CAST(item AS TEXT) IN ($f0_0, $f0_1)
        )
        AND (
          CONTAINS(
            LOWER(CAST(products_below_safety_stock_row__item_group_label AS TEXT)),
            LOWER($f1_0)
          )
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
          group_label AS products_below_safety_stock_row__item_group_label
        FROM main.metric_products_below_safety_stock AS metric_products_below_safety_stock_src_10000
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
      subq_6.item_group
  ) AS grouped
) AS figures
ORDER BY
  products_below_safety_stock_numerator DESC,
  period_start ASC,
  item ASC,
  item_group ASC
LIMIT $most_rows
