"""Files that people add in a Slack form: looked at before anything is fetched, fetched with the bot's token, kept.

Belongs here: from a submitted modal to files of a case. Does not belong here: what is taken in (workflow_jobs.evidence)
and the decision itself (gateway.slack).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.words import Language
from resources.slack import SlackClient
from workflow_jobs.evidence import Evidence
from workflow_jobs.evidence_kinds import LARGEST_FILE, EvidenceRefused, looked_at

_FIELD = "field:"


@dataclass(frozen=True)
class SlackEvidence:
    """Takes files of forms in. ``slack`` may take its time: it is asked after the form was acknowledged."""

    slack: SlackClient
    evidence: Evidence

    def problems(self, view: Mapping[str, Any], language: Language) -> dict[str, str]:
        """A sentence by block id for every field with a file that is not taken, judged by name and size alone."""
        found: dict[str, str] = {}
        for field, files in added(view).items():
            for file in files:
                try:
                    looked_at(str(file.get("name") or ""), int(file.get("size") or 0))
                except EvidenceRefused as refused:
                    found[f"{_FIELD}{field}"] = refused.said(language)
        return found

    def take(self, view: Mapping[str, Any], case_id: str, task_id: str | None, person_id: str) -> dict[str, list[str]]:
        """Fetch and keep every file of a submitted modal; their ids by field. ``task_id`` None: it is about no task.

        Raises EvidenceRefused, and the errors of resources.slack.
        """
        taken: dict[str, list[str]] = {}
        for field, files in added(view).items():
            for file in files:
                # Slack's own record, not what stands in the request: only it says where the file is.
                record = self.slack.file(str(file["id"]))
                name, address = str(record.get("name") or "file"), str(record.get("url_private") or "")
                # What is a mere link in Slack is not Slack's to give, and the bot's token is not for its address.
                if record.get("is_external") or not address:
                    raise EvidenceRefused(
                        f"{name} is kept outside Slack, so it cannot be fetched. Please add the file itself.",
                        f"{name} 存放在 Slack 之外，无法获取，请直接添加文件。",
                    )
                looked_at(name, int(record.get("size") or 0))
                content = self.slack.download(address, LARGEST_FILE)
                kept = self.evidence.add(case_id, task_id, name, content, person_id)
                taken.setdefault(field, []).append(kept.file_id)
        return taken


def added(view: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The files of a submitted modal by field, as the request names them."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for block_id, actions in ((view.get("state") or {}).get("values") or {}).items():
        for answer in actions.values():
            if block_id.startswith(_FIELD) and answer.get("type") == "file_input" and answer.get("files"):
                found[block_id.removeprefix(_FIELD)] = list(answer["files"])
    return found
