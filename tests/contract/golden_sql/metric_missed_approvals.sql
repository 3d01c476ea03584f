-- The metric missed_approvals as MetricFlow compiles it
SELECT
  CAST(SUM(numerator) AS DOUBLE) / CAST(NULLIF(SUM(denominator), 0) AS DOUBLE) AS missed_approvals
FROM main.metric_missed_approvals metric_missed_approvals_src_10000

-- The published figure
SELECT
  missed_approvals_numerator,
  missed_approvals_denominator
FROM (
  SELECT
    missed_approvals_numerator,
    missed_approvals_denominator
  FROM (
    SELECT
      SUM(numerator) AS missed_approvals_numerator,
      SUM(denominator) AS missed_approvals_denominator
    FROM main.metric_missed_approvals AS metric_missed_approvals_src_10000
    WHERE
      event_date BETWEEN $first_day AND $last_day
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
  missed_approvals_numerator,
  missed_approvals_denominator
FROM (
  SELECT
    CAST(metric_time__month AS DATE) AS period_start,
    CAST(template AS TEXT) AS template,
    CAST(role AS TEXT) AS role,
    CAST(step AS TEXT) AS step,
    CAST(person AS TEXT) AS person,
    CAST(department AS TEXT) AS department,
    missed_approvals_numerator,
    missed_approvals_denominator
  FROM (
    SELECT
      metric_time__month,
      template,
      role,
      step,
      person,
      department,
      SUM(missed_approvals_numerator) AS missed_approvals_numerator,
      SUM(missed_approvals_denominator) AS missed_approvals_denominator
    FROM (
      SELECT
        DATE_TRUNC('MONTH', event_date) AS metric_time__month,
        template_id AS template,
        role_id AS role,
        step_id AS step,
        assignee_id AS person,
        department_id AS department,
        role_label AS missed_approvals_row__role_label,
        denominator AS missed_approvals_denominator,
        numerator AS missed_approvals_numerator
      FROM main.metric_missed_approvals AS metric_missed_approvals_src_10000
      WHERE
        event_date BETWEEN $first_day AND $last_day
    ) AS subq_5
    WHERE
      (
        CAST(template AS TEXT) IN ($f0_0, $f0_1)
      )
      AND (
        CONTAINS(LOWER(CAST(missed_approvals_row__role_label AS TEXT)), LOWER($f1_0))
      )
    GROUP BY
      metric_time__month,
      template,
      role,
      step,
      person,
      department
  ) AS grouped
) AS figures
ORDER BY
  CAST(missed_approvals_numerator AS DOUBLE) / CAST(NULLIF(missed_approvals_denominator, 0) AS DOUBLE) DESC,
  period_start ASC,
  template ASC,
  role ASC,
  step ASC,
  person ASC,
  department ASC
LIMIT $most_rows
