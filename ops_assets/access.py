"""Who may see which data: readers, the policy of reader roles, and what a reader sees of one relation.

Pure: no file, no SQL, no web framework. Reading the policy's file is ops_assets.access_file, reading rows under it is
ops_assets.governed_rows. A column has a security class; a reader has a role; the policy says what happens to a class
that the role does not see: its columns are masked (a stable pseudonym) or left out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

SecurityClass = Literal["public", "internal", "confidential", "personal"]
Treatment = Literal["show", "mask", "leave_out"]
RowsRule = Literal["all", "own_departments"]

CLASSES: tuple[SecurityClass, ...] = get_args(SecurityClass)
DEFAULT_CLASS: SecurityClass = "internal"
MASK = "***"
_PSEUDONYM_DIGITS = 10


class AccessRefused(PermissionError):
    """A request for something that the reader may not use; the sentence says what and which role would do."""


@dataclass(frozen=True)
class Reader:
    """Who reads: a name for the log, the reader role, and the departments as the data writes them."""

    name: str
    role: str
    departments: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RoleRules:
    """One reader role: the highest class that it sees, what happens to each class above, and which rows it gets.

    ``held_by`` are the roles of the people directory whose holders read so where they are known, as in Slack.
    """

    highest: SecurityClass
    above: Mapping[SecurityClass, Treatment] = field(default_factory=dict)
    rows: RowsRule = "all"
    held_by: frozenset[str] = frozenset()

    def treatment(self, security_class: SecurityClass) -> Treatment:
        """What this role gets of a class; a class above the highest that the policy does not name is left out."""
        if CLASSES.index(security_class) <= CLASSES.index(self.highest):
            return "show"
        return self.above.get(security_class, "leave_out")


@dataclass(frozen=True)
class RowFilter:
    """Only rows whose ``column`` is one of ``values``; no values: no rows."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """What one reader sees of one relation. The three tuples keep the relation's order of columns.

    ``classes`` has the class of every column; ``key`` is the secret of the pseudonyms.
    """

    reader: Reader
    visible: tuple[str, ...]
    masked: tuple[str, ...]
    left_out: tuple[str, ...]
    row_filter: RowFilter | None
    classes: Mapping[str, SecurityClass]
    key: bytes = field(default=b"", repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that an answer carries: visible and masked ones, in the relation's order."""
        return tuple(column for column in self.classes if column not in self.left_out)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is hidden."""
        return not (self.masked or self.left_out or self.row_filter)

    def require_visible(self, columns: Iterable[str], use: str) -> None:
        """Refuse to filter, order or count by what is hidden: the answer would tell what the column holds.

        ``use`` finishes the sentence "cannot be used to ...". Raises AccessRefused; a column that the relation does
        not have is the caller's business and passes here.
        """
        for column in columns:
            if column in self.masked or column in self.left_out:
                raise AccessRefused(
                    f"The column {column!r} is {self.classes[column]} and cannot be used to {use} by a reader of the "
                    f"role {self.reader.role!r}. Ask without it, or with a token of a role that sees it."
                )

    def value(self, column: str, value: object) -> object:
        """``value`` of ``column`` as this reader may see it; a column that is left out has none."""
        if column in self.left_out:
            return None
        return masked(self.classes[column], value, self.key) if column in self.masked else value

    def hidden(self) -> Hidden:
        """What an answer says about what it does not show."""
        return Hidden(self.masked, self.left_out, self.row_filter.column if self.row_filter else None)


@dataclass(frozen=True)
class Hidden:
    """What an answer does not show: masked and left out columns, and the column by which rows were filtered."""

    masked: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    rows_by: str | None = None

    def __bool__(self) -> bool:
        return bool(self.masked or self.left_out or self.rows_by)

    def sentence(self, language: str = "en") -> str:
        """One sentence for people, empty where nothing is hidden."""
        parts = []
        chinese = language == "zh"
        if self.masked:
            names = ", ".join(self.masked)
            parts.append(f"已脱敏：{names}" if chinese else f"masked: {names}")
        if self.left_out:
            names = ", ".join(self.left_out)
            parts.append(f"未显示：{names}" if chinese else f"left out: {names}")
        if self.rows_by:
            parts.append("仅显示本部门的行" if chinese else "only rows of your departments")
        if not parts:
            return ""
        return ("按您的角色，" + "；".join(parts) + "。") if chinese else ("For your role " + "; ".join(parts) + ".")


@dataclass(frozen=True)
class AccessPolicy:
    """The reader roles by name, and the class of what the platform itself shows about people.

    ``case_people`` is the class of the names in cases: who works on one is needed to work with them, so a company may
    class it lower than other personal data. ``key`` is the installation's secret for pseudonyms.
    """

    roles: Mapping[str, RoleRules]
    case_people: SecurityClass = "personal"
    key: bytes = field(default=b"", repr=False)

    def rules(self, reader: Reader) -> RoleRules:
        """The rules of the reader's role. Raises AccessRefused for a role that the policy does not have (any more)."""
        try:
            return self.roles[reader.role]
        except KeyError:
            raise AccessRefused(
                f"There is no reader role {reader.role!r}; dbt_project/access.yml has: {', '.join(self.roles)}."
            ) from None

    def role_held_by(self, held: Iterable[str]) -> str | None:
        """The reader role of somebody with these roles of the people directory: of several the last in the file."""
        own = frozenset(held)
        found = [name for name, rules in self.roles.items() if own & rules.held_by]
        return found[-1] if found else None

    def treatment(self, reader: Reader, security_class: SecurityClass) -> Treatment:
        return self.rules(reader).treatment(security_class)

    def sees(self, reader: Reader, security_class: SecurityClass) -> bool:
        """Whether the reader sees data of the class as it is."""
        return self.treatment(reader, security_class) == "show"

    def view(self, reader: Reader, columns: Mapping[str, SecurityClass], row_filter_column: str | None = None) -> View:
        """What ``reader`` sees of a relation with these columns (in order), and which rows."""
        rules = self.rules(reader)
        by: dict[Treatment, list[str]] = {"show": [], "mask": [], "leave_out": []}
        for column, security_class in columns.items():
            by[rules.treatment(security_class)].append(column)
        filtered = row_filter_column is not None and rules.rows == "own_departments"
        return View(
            reader=reader,
            visible=tuple(by["show"]),
            masked=tuple(by["mask"]),
            left_out=tuple(by["leave_out"]),
            row_filter=RowFilter(row_filter_column, tuple(sorted(reader.departments)))
            if filtered and row_filter_column is not None
            else None,
            classes=dict(columns),
            key=self.key,
        )

    def channel_view(self, columns: Mapping[str, SecurityClass]) -> View:
        """What a message in a channel may show of a relation: what every role sees that sees cases (internal data).

        Who is in a channel is not known here, so it stands for the lowest of them. Persons are never shown, and nothing
        is masked: a pseudonym tells people in a channel nothing.
        """
        roles = [rules for rules in self.roles.values() if rules.treatment("internal") == "show"]
        shown = {
            name
            for name in CLASSES
            if name != "personal" and roles and all(rules.treatment(name) == "show" for rules in roles)
        }
        return View(
            reader=Reader("channel", "channel"),
            visible=tuple(name for name, security_class in columns.items() if security_class in shown),
            masked=(),
            left_out=tuple(name for name, security_class in columns.items() if security_class not in shown),
            row_filter=None,
            classes=dict(columns),
        )

    @property
    def separates_departments(self) -> bool:
        """Whether a role that sees cases gets only the rows of its own departments."""
        return any(r.rows == "own_departments" and r.treatment("internal") == "show" for r in self.roles.values())

    def person_in_case(self, reader: Reader, text: str | None) -> str | None:
        """A name or id of somebody who works on a case, as the reader may see it."""
        treatment = self.treatment(reader, self.case_people)
        if text is None or treatment == "show":
            return text
        return str(masked("personal", text, self.key)) if treatment == "mask" else None

    def refusal(self, reader: Reader, what: str, security_class: SecurityClass, language: str = "en") -> str | None:
        """The sentence that stands where a figure of the class would, or None if the reader sees it.

        A figure cannot be masked like a name: a role whose rule is ``mask`` gets none either.
        """
        if self.sees(reader, security_class):
            return None
        able = ", ".join(name for name, rules in self.roles.items() if rules.treatment(security_class) == "show")
        if language == "zh":
            return f"{what} 属于“{security_class}”级别，角色 {reader.role} 无权查看；可查看的角色：{able or '无'}。"
        return (
            f"{what} is {security_class}; the role {reader.role!r} does not see its figures. "
            f"Roles that do: {able or 'none'}."
        )


def masked(security_class: SecurityClass, value: object, key: bytes) -> object:
    """The stand-in for a value: null for null, numbers and days; a keyed pseudonym for personal texts, else ``***``.

    The pseudonym is the start of an HMAC-SHA-256: the same text gives the same one within an installation, and nobody
    without the key can try names. With forty bits two of 10,000 people share one in 1 of 20,000 companies. Raises
    ValueError for an empty key.
    """
    if not isinstance(value, str):
        return None
    if security_class != "personal":
        return MASK
    if not key:
        raise ValueError("pseudonyms need the installation's key; load the policy with one")
    return f"person-{hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:_PSEUDONYM_DIGITS]}"
