"""Copies the front-end libraries that npm installed into the folder the pages load them from.

`make install` runs ``python -m gateway.vendor_assets`` after ``npm ci``. The copies are not committed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
VENDOR_DIR = Path(__file__).resolve().parent / "static" / "vendor"
# From node_modules -> the name under /static/vendor/.
ASSETS = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "echarts/dist/echarts.min.js": "echarts.min.js",
    "elkjs/lib/elk.bundled.js": "elk.bundled.js",
}


def copy_assets(modules: Path, target: Path) -> list[Path]:
    """Copy every asset from ``modules`` to ``target``. Raises FileNotFoundError naming what npm has not installed."""
    missing = [source for source in ASSETS if not (modules / source).is_file()]
    if missing:
        raise FileNotFoundError(f"{', '.join(missing)} not found in {modules}. Run `npm ci`, or `make install`.")
    target.mkdir(parents=True, exist_ok=True)
    copied = []
    for source, name in ASSETS.items():
        beside = target / f".{name}.tmp"
        shutil.copyfile(modules / source, beside)
        beside.replace(target / name)
        copied.append(target / name)
    return copied


if __name__ == "__main__":
    try:
        for path in copy_assets(_ROOT / "node_modules", VENDOR_DIR):
            print(f"copied {path.relative_to(_ROOT)}")
    except FileNotFoundError as error:
        sys.exit(str(error))
