"""The section with the lineage of what failed, so that the root causes can be told from the snapshot alone."""

from __future__ import annotations

from ops_assets.publishing.sections import SectionContext

_TABLE = "create table snapshot.failed_asset (asset varchar primary key, upstream varchar[], sources varchar[])"


class Failures:
    """One row for every asset behind a red line or a failed build: all models and raw tables that it stands on."""

    def write(self, context: SectionContext) -> None:
        context.db.execute(_TABLE)
        for asset in sorted(context.report.failed):
            context.db.execute(
                "insert into snapshot.failed_asset values (?, ?, ?)",
                [
                    asset,
                    sorted(context.project.upstream.get(asset, frozenset())),
                    sorted(context.project.sources.get(asset, frozenset())),
                ],
            )
