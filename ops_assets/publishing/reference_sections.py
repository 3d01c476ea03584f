"""The sections with the checks' verdicts, the people directory, and the conformed models that readers may open."""

from __future__ import annotations

from datetime import timedelta

from ops_assets.publishing.sections import SectionContext

_CHECKS = """
create table snapshot.checks (
    check_name varchar, asset varchar, metrics varchar[], dimension varchar, severity varchar, passed boolean,
    observed double, threshold double, sentence varchar, description varchar)
"""

# Tables of the people directory; absent models leave them empty, so that readers need no special case.
_DIRECTORY = {
    "people": (
        "dim_person",
        "person_id varchar, name varchar, email varchar, login varchar, title varchar, department_id varchar, "
        "department_name varchar, manager_id varchar, country varchar",
    ),
    "person_roles": ("person_role", "person_id varchar, role varchar"),
    "absences": ("absence", "person_id varchar, starts_on date, ends_on date"),
}


class Checks:
    """Every verdict of the audit, and a verdict of their own for models that were not built."""

    def write(self, context: SectionContext) -> None:
        context.db.execute(_CHECKS)
        for asset in sorted(context.report.broken):
            context.db.execute(
                "insert into snapshot.checks values ('was_built', ?, ?, 'accuracy', 'red', false, null, null, ?, ?)",
                [
                    asset,
                    _standing_on(context, asset),
                    context.report.reasons[asset],
                    "dbt built the model; its tests passed.",
                ],
            )
        for verdict in context.report.verdicts:
            rule = verdict.rule
            context.db.execute(
                "insert into snapshot.checks values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    rule.name,
                    rule.asset,
                    _standing_on(context, rule.asset),
                    rule.dimension,
                    str(verdict.level),
                    verdict.level == "passed",
                    None if verdict.observed is None else float(verdict.observed),
                    None if verdict.threshold is None else float(verdict.threshold),
                    verdict.sentence,
                    rule.description,
                ],
            )


class Directory:
    """The people, their roles and absences."""

    def write(self, context: SectionContext) -> None:
        for table, (model, columns) in _DIRECTORY.items():
            context.db.execute(f"create table snapshot.{table} ({columns})")
            if context.project.has(model):
                names = ", ".join(column.strip().split()[0] for column in columns.split(","))
                context.db.execute(
                    f"insert into snapshot.{table} select {names} from {context.project.models[model].relation}"
                )


class ServedModels:
    """Conformed models that a process step or a page reads, as plain tables under their own names."""

    def write(self, context: SectionContext) -> None:
        for model, spec in context.catalog.served.items():
            if not context.project.has(model):
                continue
            where = ""
            if spec.window_days is not None:
                first = context.info.as_of - timedelta(days=spec.window_days)
                where = f" where event_date > date '{first.isoformat()}'"
            context.db.execute(
                f"create table snapshot.{model} as select * from {context.project.models[model].relation}{where}"
            )


def _standing_on(context: SectionContext, asset: str) -> list[str]:
    """The metrics that a failure of ``asset`` would hold back."""
    return [
        name
        for name in context.catalog.metrics
        if name == asset or asset in context.project.upstream.get(name, frozenset())
    ]
