"""Reading ``dbt_project/access.yml``: the policy of reader roles, with errors that name file and line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ops_assets.access import CLASSES, AccessPolicy, RoleRules, RowsRule, SecurityClass, Treatment
from ops_assets.yaml_lines import YamlDocument
from resources.pseudonym_key import pseudonym_key
from resources.settings import DBT_PROJECT_DIR, Settings

ACCESS_FILE = DBT_PROJECT_DIR / "access.yml"


class AccessFileError(ValueError):
    """A policy that cannot be used; the message names file, line and what to do."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Role(_Strict):
    description: str
    highest: SecurityClass
    above: Mapping[SecurityClass, Treatment] = {}
    rows: RowsRule = "all"
    held_by: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _every_class_above_is_decided(self) -> _Role:
        above = set(CLASSES[CLASSES.index(self.highest) + 1 :])
        if set(self.above) != above:
            names = ", ".join(sorted(above)) or "nothing"
            raise ValueError(f"`above` must say what happens to each class above {self.highest}: {names}")
        return self


class _Platform(_Strict):
    case_people: SecurityClass


class _AccessFile(_Strict):
    roles: Mapping[str, _Role]
    platform: _Platform

    @model_validator(mode="after")
    def _somebody_sees_everything(self) -> _AccessFile:
        if not any(role.highest == CLASSES[-1] and role.rows == "all" for role in self.roles.values()):
            raise ValueError(f"no role sees everything; one needs `highest: {CLASSES[-1]}` and `rows: all`")
        return self


def access_policy_of(settings: Settings) -> AccessPolicy:
    """The policy in force for an installation, with its key. Raises AccessFileError, OSError for an unreadable key."""
    return load_access_policy(key=pseudonym_key(settings.pseudonym_key_path))


def load_access_policy(path: Path = ACCESS_FILE, *, key: bytes = b"") -> AccessPolicy:
    """Read the policy. Raises AccessFileError with file, line and field, also when the file is missing."""
    try:
        document = YamlDocument(path)
    except FileNotFoundError:
        raise AccessFileError(f"{path}: there is no access policy; every installation needs one.") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise AccessFileError(f"{path}:{line}: this is no YAML: {error.problem}.") from error
    try:
        body = _AccessFile.model_validate(document.value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "policy"
        sentence = first["msg"].removeprefix("Value error, ")
        raise AccessFileError(f"{path}:{document.line(first['loc'])}: {field}: {sentence}.") from error
    return AccessPolicy(
        roles={
            name: RoleRules(role.highest, dict(role.above), role.rows, frozenset(role.held_by))
            for name, role in body.roles.items()
        },
        case_people=body.platform.case_people,
        key=key,
    )
