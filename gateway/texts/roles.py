"""Roles in words, as cards have them too."""

from __future__ import annotations

from collections.abc import Mapping

from workflow_jobs.slack.role_words import ROLE_WORDS

TEXTS: Mapping[str, tuple[str, str]] = {f"role_{role}": words for role, words in ROLE_WORDS.items()}
