"""dbt, called in the refresh's own process.

``dbtRunner`` instead of the ``dbt`` command: starting the command costs seconds on every call. Only this module knows
dbt's flags, folders and variables.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resources.dbt_artefacts import DbtArtefacts
from resources.packs import SourcePack
from resources.project_folders import is_copy
from resources.settings import DBT_PROJECT_DIR, Settings

Progress = Callable[[str], None]
_PARSED_FROM = "parsed_from.txt"


class DbtError(RuntimeError):
    """dbt could not parse or run the project; the message carries dbt's own sentences."""


@dataclass(frozen=True)
class NodeResult:
    """What became of one model or test. ``seconds`` is its execution time; ``rows`` is None where dbt does not say."""

    unique_id: str
    status: str
    seconds: float
    rows: int | None
    message: str

    @property
    def failed(self) -> bool:
        return self.status in {"error", "fail", "runtime error"}


class Dbt:
    """One dbt project as seen with one source pack and one state folder; its target folder is its own."""

    def __init__(
        self,
        settings: Settings,
        pack: SourcePack,
        project_dir: Path = DBT_PROJECT_DIR,
        target_dir: Path | None = None,
    ) -> None:
        self._settings = settings
        self._pack = pack
        self.project_dir = project_dir
        self.target_dir = target_dir or settings.dbt_target_dir
        self._artefacts = DbtArtefacts(self.target_dir)

    @property
    def manifest_path(self) -> Path:
        """The manifest of the last finished call of dbt: a whole file at any moment, whoever writes."""
        return self._artefacts.manifest_path

    def manifest(self) -> dict[str, Any]:
        """The parsed project; parsed anew when a file of the project has changed."""
        self.ensure_fresh_manifest()
        loaded: dict[str, Any] = json.loads(self.manifest_path.read_text(encoding="utf-8"))
        return loaded

    def semantic_manifest(self) -> str:
        """The semantic models and metrics of the project as dbt's JSON text; call :meth:`manifest` first."""
        return self._artefacts.semantic_path.read_text(encoding="utf-8")

    def ensure_fresh_manifest(self) -> None:
        """Parse the project when there is no manifest of this folder yet, or none that can be read, or a file of the
        project is newer than it.
        """
        marker = self.target_dir / _PARSED_FROM
        same = marker.exists() and marker.read_bytes() == str(self.project_dir).encode()
        if not same and not is_copy(self.project_dir):
            # dbt takes a .yml for unchanged that has the time which it noted first, whatever it has read since.
            (self.target_dir / "partial_parse.msgpack").unlink(missing_ok=True)
        made_at = self._artefacts.made_at()
        if not same or made_at is None or made_at < self._newest_change():
            self.parse()

    def parse(self) -> Any:
        """Parse the project and write the manifest; returns dbt's own. Raises DbtError with file and reason."""
        marker = self.target_dir / _PARSED_FROM
        # Killed on the way, the manifest may be that of another folder than the marker would say.
        marker.unlink(missing_ok=True)
        parsed = self.invoke(["parse"])
        marker.write_text(str(self.project_dir), encoding="utf-8")
        return parsed

    def build(
        self,
        *,
        select: Sequence[str] = (),
        exclude: Sequence[str] = (),
        tests: bool = True,
        full_refresh: bool = False,
        progress: Progress | None = None,
    ) -> list[NodeResult]:
        """Build models (and run their tests); the caller holds the warehouse.

        A failed node does not raise: it is in the results, so that everything which does not stand on it is still
        built. Raises DbtError when dbt could not start the build at all.
        """
        arguments = ["build" if tests else "run"]
        if select:
            arguments += ["--select", *select]
        if exclude:
            arguments += ["--exclude", *exclude]
        if full_refresh:
            arguments.append("--full-refresh")
        # Who reads models' SQL wants it in its full form alone.
        result = self.invoke(arguments, progress=progress, raise_on_failed_nodes=False, artefacts=full_refresh)
        return node_results(result)

    def generate_docs(
        self, *, after_full_build: bool = False, describe: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    ) -> Path:
        """Generate dbt docs as one self-contained page and put it in service atomically; returns its folder.

        ``after_full_build``: the call before this one built everything, so that nothing needs to be compiled again.
        ``describe`` gives the manifest that the page shows; dbt's own stays as it is.
        """
        self.invoke(["docs", "generate", *(["--no-compile"] if after_full_build else [])])
        catalog = (self.target_dir / "catalog.json").read_text(encoding="utf-8")
        shown = json.loads(self.manifest_path.read_text(encoding="utf-8"))
        manifest = json.dumps(shown if describe is None else describe(shown), ensure_ascii=False)
        page = (self.target_dir / "index.html").read_text(encoding="utf-8")
        for mark, body in (("MANIFEST", manifest), ("CATALOG", catalog)):
            # In a script element "</" would end it.
            page = page.replace(f'"{mark}.JSON INLINE DATA"', body.replace("</", "<\\/"))
        target = self._settings.dbt_docs_dir
        target.mkdir(parents=True, exist_ok=True)
        for name, text in (("index.html", page), ("manifest.json", manifest), ("catalog.json", catalog)):
            beside = target / f".{name}.tmp"
            beside.write_text(text, encoding="utf-8")
            beside.replace(target / name)
        return target

    def variables(self) -> dict[str, Any]:
        """The variables that the project is parsed with. They must not change from run to run: dbt re-parses then."""
        return {
            "source_pack": self._pack.name,
            "pack_entities": list(self._pack.entities),
            "time_zone": self._pack.time_zone,
        }

    def invoke(
        self,
        arguments: Sequence[str],
        *,
        progress: Progress | None = None,
        raise_on_failed_nodes: bool = True,
        manifest: Any = None,
        warehouse: str = "",
        artefacts: bool = True,
    ) -> Any:
        """Call dbt. ``manifest`` (dbt's own) spares it parsing; ``warehouse`` is another database than the warehouse.
        Without ``artefacts`` it writes no manifest, which takes longer than to build a few models.

        Raises DbtError when dbt failed as a whole, or a node did and ``raise_on_failed_nodes``.
        """
        from dbt.cli.main import dbtRunner

        self._settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
        log_dir = self._settings.home / "logs" / "dbt"
        log_dir.mkdir(parents=True, exist_ok=True)
        # profiles.yml reads the path from here: a dbt variable instead would force a full parse for each state folder.
        os.environ["TRUELOOP_WAREHOUSE_PATH"] = warehouse or str(self._settings.warehouse_path)
        os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
        sentences: list[str] = []

        told = _Milestones(progress)

        def on_event(event: Any) -> None:
            if event.info.level == "error":
                sentences.append(event.info.msg)
            if event.info.name in {"LogModelResult", "LogTestResult", "LogSeedResult"}:
                total = getattr(event.data, "num_models", 0) or getattr(event.data, "total", 0)
                told.result(total, event.info.msg, event.data.status)

        call = [
            "--no-send-anonymous-usage-stats",
            "--no-version-check",
            "--no-use-colors",
            "--log-level=none",
            "--log-level-file=none",
            *arguments,
            f"--project-dir={self.project_dir}",
            f"--profiles-dir={self.project_dir}",
            f"--target-path={self.target_dir}",
            f"--log-path={log_dir}",
            f"--vars={json.dumps(self.variables())}",
            *([] if artefacts else ["--no-write-json"]),
        ]
        stamp, began = self._artefacts.stamp(), time.time()
        try:
            outcome = dbtRunner(manifest=manifest, callbacks=[on_event]).invoke(call)
        finally:
            _release_warehouse()
        if outcome.exception is not None:
            detail = "\n".join(sentences) or str(outcome.exception)
            raise DbtError(f"dbt {arguments[0]} failed: {detail}") from outcome.exception
        if not outcome.success and raise_on_failed_nodes:
            raise DbtError(f"dbt {arguments[0]} failed: " + "\n".join(sentences))
        if self._artefacts.stamp() != stamp:
            try:
                self._artefacts.put_in_service(began)
            except OSError as error:
                raise DbtError(f"What dbt {arguments[0]} wrote cannot be used: {error}") from error
        return outcome.result

    def _newest_change(self) -> float:
        folders = [self.project_dir / name for name in ("models", "macros", "seeds", "tests")]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        files += [self.project_dir / name for name in ("dbt_project.yml", "profiles.yml")]
        return max(path.stat().st_mtime for path in files)


class _Milestones:
    """Tells how far a build is, in some ten lines, and every failure at once."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._next = 0
        self._done = 0

    def result(self, total: int, message: str, status: str) -> None:
        if self._progress is None:
            return
        if status.lower() in {"error", "fail"}:
            self._progress(message.strip())
            return
        # Two threads report: their numbers come out of order, so what is done is counted here.
        self._done += 1
        if self._done >= self._next or self._done == total:
            self._progress(f"dbt: {self._done} of {total} models and tests")
            self._next = self._done + max(1, total // 10)


def node_results(result: Any) -> list[NodeResult]:
    """What a call of dbt says about each node."""
    return [
        NodeResult(
            unique_id=node.node.unique_id,
            status=str(node.status),
            seconds=float(node.execution_time or 0.0),
            rows=_rows(node.adapter_response),
            message=str(node.message or ""),
        )
        for node in result.results
    ]


def _rows(response: Mapping[str, Any] | None) -> int | None:
    value = (response or {}).get("rows_affected")
    return int(value) if isinstance(value, int) and value >= 0 else None


def _release_warehouse() -> None:
    """dbt keeps its handle on the warehouse after a run; nobody else in this process could open the file then."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
