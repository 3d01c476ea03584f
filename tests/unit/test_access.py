"""Reader roles: what the policy's file may say, and what a role makes of classes, columns, rows and figures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ops_assets.access import AccessPolicy, AccessRefused, Reader, RowFilter, SecurityClass, masked
from ops_assets.access_file import AccessFileError, access_policy_of, load_access_policy
from resources.pseudonym_key import pseudonym_key
from resources.settings import Settings

COLUMNS: dict[str, SecurityClass] = {
    "supplier": "public", "day": "internal", "cost": "confidential", "name": "personal",
}  # fmt: skip
POLICY = load_access_policy(key=b"key")

FILE = """\
roles:
  admin:
    description: all
    highest: personal
  employee:
    description: some
    highest: internal
    above: {confidential: leave_out, personal: mask}
    rows: own_departments
platform:
  case_people: internal
"""


def reader(role: str, *departments: str) -> Reader:
    return Reader("test", role, frozenset(departments))


@pytest.mark.parametrize(
    ("role", "visible", "masks", "left_out"),
    [
        ("public", ("supplier",), (), ("day", "cost", "name")),
        ("employee", ("supplier", "day"), ("name",), ("cost",)),
        ("analyst", ("supplier", "day", "cost"), ("name",), ()),
        ("finance", ("supplier", "day", "cost"), (), ("name",)),
        ("hr", ("supplier", "day", "name"), (), ("cost",)),
        ("steward", tuple(COLUMNS), (), ()),
        ("admin", tuple(COLUMNS), (), ()),
    ],
)
def test_each_role_sees_what_the_policy_says(
    role: str, visible: tuple[str, ...], masks: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    view = POLICY.view(reader(role), COLUMNS)
    assert (view.visible, view.masked, view.left_out) == (visible, masks, left_out)
    assert view.columns == tuple(column for column in COLUMNS if column not in left_out)


def test_rows_are_filtered_for_roles_of_departments_alone() -> None:
    assert POLICY.view(reader("employee", "D2", "D1"), COLUMNS, "team").row_filter == RowFilter("team", ("D1", "D2"))
    assert POLICY.view(reader("employee"), COLUMNS, "team").row_filter == RowFilter("team", ())
    assert POLICY.view(reader("employee", "D1"), COLUMNS).row_filter is None
    assert POLICY.view(reader("analyst", "D1"), COLUMNS, "team").row_filter is None


def test_an_unknown_role_sees_nothing_at_all() -> None:
    with pytest.raises(AccessRefused, match=r"no reader role 'boss'; .* public, employee"):
        POLICY.view(reader("boss"), COLUMNS)


def test_what_is_hidden_is_said_in_both_languages() -> None:
    hidden = POLICY.view(reader("employee", "D1"), COLUMNS, "team").hidden()
    assert hidden.sentence() == "For your role masked: name; left out: cost; only rows of your departments."
    assert hidden.sentence("zh") == "按您的角色，已脱敏：name；未显示：cost；仅显示本部门的行。"
    assert not POLICY.view(reader("admin"), COLUMNS, "team").hidden()


def test_a_figure_is_refused_and_never_masked() -> None:
    assert POLICY.refusal(reader("employee"), "The margin", "internal") is None
    sentence = POLICY.refusal(reader("employee"), "The margin", "confidential")
    assert sentence is not None and "Roles that do: analyst, finance, steward, admin." in sentence
    assert "角色 analyst 无权查看" in str(POLICY.refusal(reader("analyst"), "工资", "personal", "zh"))


def test_masks_keep_nothing_of_the_value() -> None:
    key = b"secret"
    name = masked("personal", "Li Na", key)
    assert isinstance(name, str) and name.startswith("person-") and len(name) == 17
    assert masked("personal", "Li Na", key) == name != masked("personal", "Li Na", b"other")
    assert masked("personal", "Li Nan", key) != name
    assert masked("confidential", "12.50 EUR", key) == "***"
    for value in (None, True, 7, 7.5, Decimal(7), date(2026, 1, 1), b"x", ["Li"]):
        assert masked("personal", value, key) is None
    with pytest.raises(ValueError, match="key"):
        masked("personal", "Li Na", b"")


def test_people_in_cases_have_a_class_of_their_own() -> None:
    strict = AccessPolicy(POLICY.roles, case_people="personal", key=b"key")
    assert POLICY.person_in_case(reader("employee"), "E1") == "E1"
    assert str(strict.person_in_case(reader("employee"), "E1")).startswith("person-")
    assert strict.person_in_case(reader("finance"), "E1") is None
    assert strict.person_in_case(reader("hr"), "E1") == "E1"
    assert strict.person_in_case(reader("employee"), None) is None


def test_the_key_is_made_once_for_an_installation_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    first, again = access_policy_of(settings), access_policy_of(settings)
    assert first.key == again.key == pseudonym_key(settings.pseudonym_key_path)
    assert len(first.key) == 32
    assert settings.pseudonym_key_path.stat().st_mode & 0o077 == 0
    assert [path.name for path in settings.home.iterdir()] == ["pseudonym.key"]
    assert access_policy_of(Settings(home=tmp_path / "other")).key != first.key
    assert repr(first.key) not in repr(first)


def test_a_complete_policy_loads(tmp_path: Path) -> None:
    path = tmp_path / "access.yml"
    path.write_text(FILE, encoding="utf-8")
    policy = load_access_policy(path)
    assert list(policy.roles) == ["admin", "employee"]
    assert policy.case_people == "internal"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    highest: internal\n", "    highest: secret\n", r":7: roles\.employee\.highest: "),
        (
            "confidential: leave_out, ",
            "",
            r":5: roles\.employee: .above. must say what happens to each class above internal: confidential, personal",
        ),
        ("leave_out", "hide", r":8: roles\.employee\.above\.confidential: "),
        ("rows: own_departments", "rows: own", r":9: roles\.employee\.rows: "),
        ("    description: some\n", "", r":5: roles\.employee\.description: Field required"),
        ("  case_people: internal", "  people: internal", r":10: platform\.case_people: Field required"),
        (
            "    highest: personal",
            "    highest: personal\n    rows: own_departments",
            r":1: policy: no role sees everything",
        ),
        ("  admin:", "  admin: [", r":\d+: this is no YAML: "),
    ],
)
def test_a_wrong_policy_is_named_with_file_and_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in FILE
    path = tmp_path / "access.yml"
    path.write_text(FILE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(AccessFileError, match=f"^{path}{says}"):
        load_access_policy(path)


def test_a_missing_policy_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AccessFileError, match="there is no access policy"):
        load_access_policy(tmp_path / "access.yml")


def test_people_read_by_the_roles_that_they_hold_the_last_in_the_file_of_several(tmp_path: Path) -> None:
    path = tmp_path / "access.yml"
    path.write_text(FILE.replace("    description: some\n", "    description: some\n    held_by: [buyer, clerk]\n"))
    policy = load_access_policy(path)
    assert policy.role_held_by(["clerk", "cfo"]) == "employee"
    assert policy.role_held_by(["cfo"]) is None
    path.write_text(path.read_text().replace("highest: personal\n", "highest: personal\n    held_by: [clerk]\n"))
    assert load_access_policy(path).role_held_by(["clerk"]) == "employee"
    path.write_text(path.read_text().replace("held_by: [clerk]", "held_by: clerk"))
    with pytest.raises(AccessFileError, match=r"access.yml:5: roles.admin.held_by"):
        load_access_policy(path)
