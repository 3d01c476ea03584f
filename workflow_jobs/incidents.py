"""Root causes kept as incidents: one open case for each, closed when it is gone, joined when a deeper one is found.

Belongs here: what an incident's case is made of, and bringing the open cases in line with what was found. Does not
belong here: finding root causes (ops_assets.failures for snapshots, ops_assets.automation for the platform's own work).

Safe to repeat and to kill anywhere: the same findings again change nothing, and what was left undone is done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from workflow_jobs.attempts import Attempts
from workflow_jobs.cases import CaseSummary, OpenRequest
from workflow_jobs.engine.texts import readable, readable_text
from workflow_jobs.service import ProcessService

INCIDENT_TEMPLATE: Final = "data_incident"
RED_LINE_RULE: Final = "red_line"
DELIVERY_RULE: Final = "delivery"
AUTOMATION_RULE: Final = "automation"
UNOPENED_RULE: Final = "unopened"
"""A watch rule is breached, and the process that it names refuses the case."""
# Bounds of what a case keeps; a card shows fewer.
_MOST_CHECKS: Final = 20
_MOST_NAMES: Final = 50
_LONGEST_SENTENCE: Final = 500


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A root cause as found now.

    ``rule_id`` and ``subject_id`` name its incident for good. ``failed`` are (check, sentence) pairs, ``held`` maps
    metrics to label and date of their last good figures, ``symptoms`` the subjects whose incidents are part of it.
    ``sighting`` tells one observation from the next (a snapshot's id, or a count); ``times`` is how often it was seen
    in all, where the finder counts.

    Where nobody counts, an open incident is recorded again only when what is said of it here changed: another check,
    another sentence (its figures, its error), other metrics held back, other symptoms or people, the next day's
    figures. That it was seen is noted all the same.
    """

    rule_id: str
    subject_id: str
    kind: str
    label: str
    owner_role: str
    failed: Sequence[tuple[str, str]]
    sighting: str
    symptoms: Sequence[str] = ()
    held: Sequence[Mapping[str, Any]] = ()
    affected_roles: Sequence[str] = ()
    metric: str = ""
    as_of: date | None = None
    times: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.rule_id, self.subject_id


@dataclass
class Kept:
    """What bringing the incidents in line did: case ids."""

    opened: list[str] = field(default_factory=list)
    reopened: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{len(self.opened)} incidents opened, {len(self.reopened)} again, {len(self.joined)} joined to another, "
            f"{len(self.resolved)} closed"
        )


def keep_incidents(
    service: ProcessService,
    findings: Sequence[Finding],
    rules: Collection[str],
    *,
    sighting: str = "",
    mine: Callable[[str], bool] = lambda _subject: True,
) -> Kept:
    """Open what was found, then end what was not found any more among the open incidents of ``rules``.

    An open incident whose subject is now a symptom of a finding becomes part of that one; otherwise it is resolved:
    what failed is well again. Only subjects that are ``mine`` are ended. ``sighting`` is noted where one is.

    One that fails keeps no other from being opened or ended; the failures are raised together at the end.
    """
    kept = Kept()
    cases: dict[str, str] = {}
    seen: list[str] = []
    attempts = Attempts("the incidents")
    for finding in findings:
        with attempts.at(f"incident {finding.rule_id} {finding.subject_id}"):
            result = service.open_case(_request(finding))
            cases[finding.subject_id] = result.case_id
            seen.append(result.case_id)
            if result.created:
                kept.opened.append(result.case_id)
            elif result.reopened:
                kept.reopened.append(result.case_id)
    with attempts.at("when they were seen"):
        service.note_seen(seen)
    found = {finding.key for finding in findings}
    for case in open_incidents(service, rules):
        if (case.rule_id, case.subject_id) in found or not mine(case.subject_id):
            continue
        into = min((f.subject_id for f in findings if case.subject_id in f.symptoms), default=None)
        with attempts.at(f"case {case.case_id}"):
            if into is not None:
                # Where that one could not be opened, this one stays until it can.
                if into in cases and service.join_incident(case.case_id, cases[into]) is not None:
                    kept.joined.append(case.case_id)
            elif service.resolve_incident(case.rule_id, case.subject_id, snapshot_id=sighting):
                kept.resolved.append(case.case_id)
    attempts.end()
    return kept


def open_incidents(service: ProcessService, rules: Collection[str]) -> list[CaseSummary]:
    """Open incidents that one of these rules opened."""
    cases = service.cases(status="open", template=INCIDENT_TEMPLATE, limit=10_000)
    return [case for case in cases if case.rule_id in rules]


def _request(finding: Finding) -> OpenRequest:
    return OpenRequest(
        template_id=INCIDENT_TEMPLATE,
        rule_id=finding.rule_id,
        subject_kind=finding.kind,
        subject_id=finding.subject_id,
        subject_label=readable_text(finding.label),
        metric=finding.metric,
        snapshot_id=finding.sighting,
        as_of=finding.as_of,
        times=finding.times,
        data={
            "owner_role": finding.owner_role,
            "failed": [
                {"check": check, "sentence": readable_text(sentence[:_LONGEST_SENTENCE])}
                for check, sentence in finding.failed[:_MOST_CHECKS]
            ],
            "held": [readable(dict(one)) for one in finding.held[:_MOST_NAMES]],
            "symptoms": list(finding.symptoms[:_MOST_NAMES]),
            "affected_roles": list(finding.affected_roles),
        },
    )
