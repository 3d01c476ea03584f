"""What every process of Trueloop reads when it starts, read once before: and what is wrong said in sentences.

Belongs here: what must be readable. Does not belong here: ports, folders and databases (gateway.up, prepare_start).
"""

from __future__ import annotations

from typing import Final

from ops_assets.access_file import AccessFileError, access_policy_of
from ops_assets.catalog import CatalogError, load_catalog
from ops_assets.ingestion.landing_schema import LandingSchemaError, read_landing_schema
from resources.dbt import DbtError
from resources.packs import PackError
from resources.platform import Platform
from workflow_jobs.template_library import TemplateProblems
from workflow_jobs.template_metrics import require_together
from workflow_jobs.template_names import require_names
from workflow_jobs.wiring import library

UNREADABLE: Final = (AccessFileError, CatalogError, DbtError, LandingSchemaError, PackError, TemplateProblems)
"""What :func:`read_everything` raises; each says what is wrong where, in one sentence or a line for each finding."""


def read_everything(platform: Platform) -> None:
    """Read pack, templates, access policy, catalogue and dbt project. Raises one of UNREADABLE.

    What is read in an instant comes first: to parse the dbt project may take half a minute.
    """
    templates = library(platform.settings.templates_dir)
    require_names(templates, platform.pack)
    access_policy_of(platform.settings)
    read_landing_schema(platform.pack.folder)
    dbt = platform.dbt
    catalog = load_catalog(dbt.project_dir / "models")
    require_together(templates, catalog, catalog.watches(platform.pack.watch_thresholds))
    dbt.ensure_fresh_manifest()


def in_words(error: Exception) -> str:
    """What a person is told about one of UNREADABLE."""
    if isinstance(error, TemplateProblems):
        return f"these templates must be mended first (`./trueloop templates lint` looks again):\n{error}"
    return str(error)
