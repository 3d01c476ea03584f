-- The metric open_workload as MetricFlow compiles it
SELECT
  SUM(subq_2.__open_workload) AS open_workload
FROM (
  SELECT
    DATE_TRUNC('day', event_date) AS event_date__day
    , numerator AS __open_workload
  FROM main.metric_open_workload metric_open_workload_src_10000
) subq_2
INNER JOIN (
  SELECT
    MAX(DATE_TRUNC('day', event_date)) AS event_date__day__complete
  FROM main.metric_open_workload metric_open_workload_src_10000
) subq_4
ON
  subq_2.event_date__day = subq_4.event_date__day__complete

-- The published figure
SELECT
  open_workload_numerator,
  open_workload_denominator
FROM (
  SELECT
    open_workload_numerator,
    open_workload_denominator
  FROM (
    SELECT
      SUM(subq_5.__open_workload_numerator) AS open_workload_numerator,
      SUM(subq_5.__open_workload_denominator) AS open_workload_denominator
    FROM (
      SELECT
        event_date AS event_date__day,
        denominator AS __open_workload_denominator,
        numerator AS __open_workload_numerator
      FROM main.metric_open_workload AS metric_open_workload_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    INNER JOIN (
      SELECT
        MAX(event_date) AS event_date__day__complete
      FROM main.metric_open_workload AS metric_open_workload_src_10000
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
  template,
  role,
  step,
  person,
  department,
  open_workload_numerator,
  open_workload_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(template AS TEXT) AS template,
    CAST(role AS TEXT) AS role,
    CAST(step AS TEXT) AS step,
    CAST(person AS TEXT) AS person,
    CAST(department AS TEXT) AS department,
    open_workload_numerator,
    open_workload_denominator
  FROM (
    SELECT
      subq_6.metric_time__month AS metric_time__month,
      subq_6.template AS template,
      subq_6.role AS role,
      subq_6.step AS step,
      subq_6.person AS person,
      subq_6.department AS department,
      SUM(subq_6.__open_workload_numerator) AS open_workload_numerator,
      SUM(subq_6.__open_workload_denominator) AS open_workload_denominator
    FROM (
      SELECT
        open_workload_denominator AS __open_workload_denominator,
        open_workload_numerator AS __open_workload_numerator,
        event_date__day,
        metric_time__month,
        template,
        role,
        step,
        person,
        department
      FROM (
        SELECT
          event_date AS event_date__day,
          DATE_TRUNC('MONTH', event_date) AS metric_time__month,
          template_id AS template,
          role_id AS role,
          step_id AS step,
          assignee_id AS person,
          department_id AS department,
          role_label AS open_workload_row__role_label,
          denominator AS open_workload_denominator,
          numerator AS open_workload_numerator
        FROM main.metric_open_workload AS metric_open_workload_src_10000
        WHERE
          event_date BETWEEN $first_day AND $last_day
      ) AS subq_5
      WHERE
        (
          CAST(template AS TEXT) IN ($f0_0, $f0_1)
        )
        AND (
          CONTAINS(LOWER(CAST(open_workload_row__role_label AS TEXT)), LOWER($f1_0))
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
          template_id AS template,
          role_label AS open_workload_row__role_label
        FROM main.metric_open_workload AS metric_open_workload_src_10000
        WHERE
          event_date BETWEEN $first_day AND $last_day
      ) AS subq_5
      GROUP BY
        metric_time__month
    ) AS subq_8
      ON subq_6.event_date__day = subq_8.event_date__day__complete
    GROUP BY
      subq_6.metric_time__month,
      subq_6.template,
      subq_6.role,
      subq_6.step,
      subq_6.person,
      subq_6.department
  ) AS grouped
) AS figures
ORDER BY
  open_workload_numerator DESC,
  period_start ASC,
  template ASC,
  role ASC,
  step ASC,
  person ASC,
  department ASC
LIMIT $most_rows
