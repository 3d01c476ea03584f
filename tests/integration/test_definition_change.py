"""Changing a definition on a real warehouse: refused, rejected, approved and rolled back; held without approval.

The tests follow one another on one installation, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops_assets.definition_bundle import bundle_of
from ops_assets.definition_change.candidate import CandidateError, changes_in_files, changes_in_folder
from ops_assets.definition_change.proposals import Proposal, Proposals
from ops_assets.definition_change.register import Register
from ops_assets.definition_change.review import review
from ops_assets.definition_change.rollback import RollbackError, restore_files, roll_back
from ops_assets.definition_change.shadow import ShadowError, try_empty
from ops_assets.refresh import BuildState, build, load_definitions, state_path
from tests.definition_world import (
    FORMULA,
    METRIC,
    NEW_FORMULA,
    OWNER_ROLE,
    SQL,
    YML,
    changed_files,
    copied_checkout,
    people_with,
    run_service_steps,
    write_files,
)
from tests.platform_world import PlatformWorld, PublishedHome, copied_world
from workflow_jobs.definition_cases import open_cases
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.wiring import process_service

OTHER = "metric_on_time_in_full"


class Workbench:
    """A published world on a checkout of its own, and what engineers and owners do with it."""

    def __init__(self, world: PlatformWorld, checkout: Path) -> None:
        self.world = world
        self.platform = world.platform
        self.checkout = checkout
        self.service = process_service(world.platform)
        self.engineer = people_with(world.platform, "data_steward")[0]["person_id"]

    def refresh(self) -> str:
        kind = build(self.platform, load_definitions(self.platform)).kind
        self.world.__dict__.pop("definitions", None)
        self.world.publish()
        return kind

    def propose(self, files: dict[str, str], metric: str | None = METRIC) -> Proposal:
        compiled, reviewed = review(self.platform, metric, files)
        proposal = Proposals(self.platform.ops_engine).add(
            proposed_by=self.engineer,
            reason="Small receipts are samples.",
            at=self.platform.clock.now(),
            files=files,
            new_project=self.platform.projects.keep(compiled.folder),
            review=reviewed,
        )
        open_cases(self.platform, self.service, proposal)
        return proposal

    def decide(self, proposal: Proposal, outcome: str = "approve") -> None:
        for approval in Proposals(self.platform.ops_engine).approvals(proposal.proposal_id):
            (task,) = self.service.tasks(case_id=approval.case_id)
            assert task.assignee is not None
            note = {"decision_note": "no"} if outcome == "reject" else {}
            self.service.decide_task(task.task_id, task.version, task.assignee, outcome, note)

    def why(self) -> str:
        """What the platform says of the metric, of every proposal and of models that were not built."""
        (row,) = self.world.snapshot.rows("select state, reason from metrics where metric = ?", [METRIC])
        said = [f"{METRIC}: {row['state']}: {row['reason']}"]
        said += [f"{one.proposal_id}: {one.status}: {one.note}" for one in Proposals(self.platform.ops_engine).all()]
        said += [f"{model}: {text}" for model, text in BuildState.load(state_path(self.platform)).broken.items()]
        return "\n".join(said)

    def kept(self, proposal: Proposal) -> Proposal:
        return Proposals(self.platform.ops_engine).get(proposal.proposal_id)

    def shown(self) -> tuple[str, str, int, str]:
        """State, value, version and formula of the metric, all from one snapshot."""
        snapshot = self.world.snapshot
        (row,) = snapshot.rows("select * from metrics where metric = ?", [METRIC])
        formula = bundle_of(self.platform.snapshots, snapshot).metrics[METRIC].formula
        return row["state"], row["value_text"], row["definition_version"], formula


@pytest.fixture(scope="module")
def bench(published: PublishedHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("definitions")
    checkout = copied_checkout(folder / "checkout")
    world = copied_world(folder / "home", published.home, checkout=checkout)
    yield Workbench(world, checkout)
    world.close()


def test_what_cannot_be_proposed_says_where_and_how_to_mend_it(bench: Workbench, tmp_path: Path) -> None:
    files = changed_files(bench.checkout)
    words = {YML: (bench.checkout / YML).read_text(encoding="utf-8").replace("Supplier reject rate", "Reject rate")}
    for changed, sentence in (
        ({SQL: files[SQL].replace("from receipts\n", "frm receipts\n")}, rf"{SQL}:\d+: "),
        ({SQL: files[SQL].replace("ref('dim_item')", "ref('dim_itm')")}, f"(?s){SQL}.*dim_itm"),
        ({YML: files[YML].replace("aggregation: ratio", "aggregation: mean")}, rf"{YML}:\d+: aggregation"),
        (words, "needs no approval"),
    ):
        with pytest.raises(CandidateError, match=sentence):
            review(bench.platform, METRIC, changed)
    compiled, reviewed = review(bench.platform, METRIC, {SQL: files[SQL]})
    with pytest.raises(ShadowError, match="rejects_are_weighed_by_pieces"):
        try_empty(bench.platform, compiled, [entry["metric"] for entry in reviewed["metrics"]])
    copy = copied_checkout(tmp_path / "copy")
    write_files(copy, files)
    assert changes_in_folder(bench.platform, copy) == files
    assert changes_in_files(bench.platform, [copy / SQL]) == {SQL: files[SQL]}
    (copy / "dbt_project.yml").write_text("name: other\n", encoding="utf-8")
    with pytest.raises(CandidateError, match=r"dbt_project\.yml cannot be proposed"):
        changes_in_folder(bench.platform, copy)


def test_a_rejected_proposal_publishes_nothing(bench: Workbench) -> None:
    shown: Any = bench.shown()
    proposal = bench.propose(changed_files(bench.checkout))
    run_service_steps(bench.platform)
    bench.decide(proposal, "reject")
    assert run_service_steps(bench.platform) == 0
    assert bench.shown() == shown
    assert bench.platform.projects.in_force() == bench.checkout


def test_a_proposal_is_compared_approved_published_and_rolled_back(bench: Workbench) -> None:
    _, value, _, _ = bench.shown()
    before = (bench.checkout / SQL).read_text(encoding="utf-8")
    proposal = bench.propose(changed_files(bench.checkout))
    (entry,) = proposal.review["metrics"]
    assert [field["field"] for field in entry["fields"]] == ["formula"]
    assert [mark + text.strip() for mark, text in entry["models"][METRIC] if mark != " "] == [
        "-1 = 1 AND order_matched",
        "+1 = 1 AND order_matched AND received_quantity >= 100",
    ]
    assert proposal.review["impact"]["owners"] == [OWNER_ROLE]
    assert proposal.review["impact"]["templates"] == ["supply_exception"]

    run_service_steps(bench.platform)
    shadow = bench.kept(proposal).shadow
    figures = shadow["metrics"][METRIC]
    (rows,) = bench.world.rows(
        "select sum(numerator) / sum(denominator) from metrics.metric_supplier_reject_rate where denominator >= 100"
        " and event_date > date '2026-08-23' and event_date <= date '2026-11-21'"
    )
    assert (figures["old"]["text"], figures["new"]["text"]) == (value, f"{100 * rows[0]:.4f}")
    assert {"supplier", "item"} == set(figures["dimensions"])
    assert "rejects_are_weighed_by_pieces" in shadow["tests"]
    assert bench.world.rows("select 1 from information_schema.schemata where schema_name like 'shadow%'") == []

    case = bench.service.case(Proposals(bench.platform.ops_engine).approvals(proposal.proposal_id)[0].case_id)
    assert f"{value} % → {figures['new']['text']} %" in str(case.results["shadow"])
    (task,) = bench.service.tasks(case_id=case.case_id)
    with pytest.raises(Refused):
        bench.service.decide_task(task.task_id, task.version, bench.engineer, "approve", {})
    bench.decide(proposal)
    run_service_steps(bench.platform)
    assert bench.shown() == ("published", figures["new"]["text"], 2, NEW_FORMULA), bench.why()
    assert bench.kept(proposal).status == "published"
    assert (bench.checkout / SQL).read_text(encoding="utf-8") == before, "a service writes no checkout"
    newest = Register(bench.platform.ops_engine).history(METRIC)[0]
    assert (newest.kind, newest.version, newest.by, newest.approved_by) == (
        "published",
        2,
        bench.engineer,
        task.assignee,
    )

    with pytest.raises(RollbackError, match="by its owner"):
        roll_back(bench.platform, METRIC, None, reason="wrong", by="X", roles={"buyer"})
    done = roll_back(bench.platform, METRIC, None, reason="wrong", by="X", roles={OWNER_ROLE})
    assert bench.shown() == ("held", value, 1, FORMULA), "in force for the next request"
    (parts,) = bench.world.snapshot.rows(f"select min(denominator) as least from {METRIC}")
    assert parts["least"] < 100, "the rows are those of the version as well"
    bench.world.publish()
    assert bench.shown() == ("held", value, 1, FORMULA), "a refresh that comes before the files changes nothing"
    assert set(restore_files(bench.platform, done).files) == {SQL, YML}
    assert bench.refresh() == "changed"
    assert bench.shown() == ("published", value, 1, FORMULA), bench.why()
    assert bench.platform.projects.overlays() == {}


def test_what_nobody_approved_is_held_until_its_owner_approves(bench: Workbench) -> None:
    state, value, version, formula = bench.shown()
    assert (state, version, formula) == ("published", 1, FORMULA), f"as the rollback left it; {bench.why()}"
    write_files(bench.checkout, changed_files(bench.checkout))
    assert bench.refresh() == "changed"
    assert bench.shown() == ("held", value, 1, FORMULA), "the last good figure, with the definition that made it"
    (held,) = bench.world.snapshot.rows("select reason from metrics where metric = ?", [METRIC])
    assert f"without approval of {OWNER_ROLE}; propose it with `./trueloop metrics propose {METRIC}`" in held["reason"]
    assert bench.world.metric(OTHER)["state"] in {"published", "warning"}

    proposal = bench.propose({}, metric=None)
    assert proposal.metrics == (METRIC,)
    assert run_service_steps(bench.platform) == 1
    shadow = bench.kept(proposal).shadow["metrics"][METRIC]
    assert shadow["old"]["text"] == value, "the definition in force, computed from the SQL that the register keeps"
    assert shadow["new"]["text"] != value
    bench.decide(proposal)
    assert run_service_steps(bench.platform) == 1
    assert bench.shown() == ("published", shadow["new"]["text"], 3, NEW_FORMULA), bench.why()
    assert bench.platform.projects.in_force() == bench.checkout, "the checkout has the change; nothing lies over it"
