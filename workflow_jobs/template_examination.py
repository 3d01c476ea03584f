"""Everything that is examined of one template before it is taken, whoever takes it: the command line or a copy.

Belongs here: that it is all asked. Does not belong here: the rules (engine.lint, slack.template_limits,
template_metrics) and what several templates have to do with each other (engine.lint_library).
"""

from __future__ import annotations

from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.lint_subject import Finding
from workflow_jobs.engine.template import Template
from workflow_jobs.slack.template_limits import beyond_slack
from workflow_jobs.template_metrics import metric_amiss
from workflow_jobs.template_names import TemplateNames


def examine(template: Template, names: TemplateNames) -> list[Finding]:
    """Findings of the linter, about Slack's limits and about the metric that an effect names."""
    found = lint(template, names.roles, names.jobs, names.skills, names.calendars)
    return found + beyond_slack(template) + metric_amiss(template, names.metrics)
