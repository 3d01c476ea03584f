"""Front-end libraries are copied from what npm installed, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.vendor_assets import ASSETS, copy_assets


def test_every_asset_is_copied_and_an_older_copy_replaced(tmp_path: Path) -> None:
    for source in ASSETS:
        path = tmp_path / "node_modules" / source
        path.parent.mkdir(parents=True)
        path.write_text("new")
    target = tmp_path / "vendor"
    target.mkdir()
    (target / "htmx.min.js").write_text("old")
    assert [path.name for path in copy_assets(tmp_path / "node_modules", target)] == list(ASSETS.values())
    assert {path.name: path.read_text() for path in target.iterdir()} == dict.fromkeys(ASSETS.values(), "new")


def test_what_npm_has_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"htmx\.min\.js, .* not found.*npm ci"):
        copy_assets(tmp_path, tmp_path / "vendor")
    assert not (tmp_path / "vendor").exists()
