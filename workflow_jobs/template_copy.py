"""A new template from one that exists: the same text under a new id, as version 1. Nothing is written unless it lints.

The text is kept as it is written, comments included; only the lines of ``id`` and ``version`` change.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from workflow_jobs.engine.template import Template, TemplateError, load_template
from workflow_jobs.template_examination import examine
from workflow_jobs.template_library import TemplateProblems
from workflow_jobs.template_names import TemplateNames
from workflow_jobs.template_schema import EDITOR_LINE

_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")


class CopyRefused(Exception):
    """The copy cannot be made; the sentence says why and what to do."""


def copied_text(source: Template, new_id: str) -> str:
    """The text of the copy. Raises CopyRefused for an id that no template may have, TemplateError for odd YAML."""
    if not _ID.fullmatch(new_id):
        raise CopyRefused(
            f"{new_id!r} is no id: use small letters, digits and _, beginning with a letter (at most 63)."
        )
    lines = source.text.split("\n")
    for key, value in (("id", new_id), ("version", "1")):
        at = source.line(key) - 1
        lines[at], changed = re.subn(rf"\b{key}(\s*):(\s*)[^\s#,}}]+", rf"{key}\1:\g<2>{value}", lines[at], count=1)
        if not changed:
            raise CopyRefused(f"{source.file}:{at + 1}: write `{key}: {getattr(source, key)}` on a line of its own.")
    if not any(line.startswith("# yaml-language-server:") for line in lines):
        lines.insert(0, EDITOR_LINE)
    return "\n".join(lines)


def copy_template(source: Template, new_id: str, folder: Path, names: TemplateNames) -> Path:
    """Write the copy into ``folder`` and return its path.

    Raises CopyRefused where a file of this name exists or the id cannot be, TemplateProblems where the copy would not
    lint; in both cases nothing is written.
    """
    text = copied_text(source, new_id)
    path = folder / f"{new_id}.yaml"
    try:
        made = load_template(text, file=path.name)
    except TemplateError as error:
        raise CopyRefused(f"The copy could not be read: {error}") from error
    findings = examine(made, names)
    if findings:
        raise TemplateProblems(tuple(findings))
    draft = folder / f".{new_id}.{os.getpid()}.tmp"
    try:
        draft.write_text(text, encoding="utf-8")
        path.hardlink_to(draft)  # whole or not at all, and never over a file that is there
    except FileExistsError:
        raise CopyRefused(f"{path} exists already; choose another id.") from None
    finally:
        draft.unlink(missing_ok=True)
    return path
