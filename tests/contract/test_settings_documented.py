"""Every setting stands in docs/settings.md with its default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from resources.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def _rows() -> dict[str, str]:
    """The lines of the page that name a variable, by variable."""
    found: dict[str, str] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        match = re.match(r"\|\s*`(TRUELOOP_[A-Z_]+)`", line)
        if match:
            assert match[1] not in found, f"{match[1]} stands twice"
            found[match[1]] = line
    return found


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_setting_is_listed_with_its_default(name: str) -> None:
    variable = f"TRUELOOP_{name.upper()}"
    row = _rows().get(variable)
    assert row is not None, f"docs/settings.md has no row for {variable}"
    default = Settings.model_fields[name].default
    assert default is not PydanticUndefined
    text = default.get_secret_value() if isinstance(default, SecretStr) else "" if default is None else str(default)
    if text:
        assert re.search(rf"`{re.escape(text)}/?`", row), f"{variable}: the default is {text}"


def test_no_other_variable_is_listed() -> None:
    assert set(_rows()) == {f"TRUELOOP_{name.upper()}" for name in Settings.model_fields}
