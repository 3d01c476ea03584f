"""Cases of every text that a template was ever shipped with still load, go on and end; the next text is kept, too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests import kept_templates
from tests.kept_templates import COMMAND, Kept, all_kept, keep, not_kept
from tests.log_plays import as_far_as, whole
from tests.template_walks import shipped_library
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import fold, replay
from workflow_jobs.engine.migration import fits, migrate
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.template import load_template, template_hash

every_text = pytest.mark.parametrize("kept", all_kept(), ids=[kept.name for kept in all_kept()])


def test_every_text_in_service_is_kept_before_the_next_one_takes_its_place() -> None:
    missing = not_kept(shipped_library())
    assert missing == [], (
        f"the text of {', '.join(missing)} is not among tests/fixtures/templates: run `{COMMAND}` and commit the files "
        "that it adds; those of earlier texts stay as they are, since cases pin them"
    )


def test_a_template_whose_text_changes_is_missed_until_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_templates, "KEPT", tmp_path)
    for template in shipped_library():
        keep(template)
    assert not_kept(shipped_library()) == []
    now = shipped_library().get("order_change")
    changed = load_template(now.text + "# a word more\n", file=now.file)
    assert not_kept([changed]) == ["order_change"]
    keep(changed)
    assert not_kept([changed]) == []
    assert [kept.template.id for kept in all_kept()].count("order_change") == 2
    for kept in all_kept():
        _is_as_it_was_kept(kept)


@every_text
def test_what_is_kept_is_never_changed_and_its_log_folds_to_the_state_that_it_had(kept: Kept) -> None:
    _is_as_it_was_kept(kept)


def _is_as_it_was_kept(kept: Kept) -> None:
    said = template_hash(kept.text).removeprefix("sha256:")[:8]
    assert kept.path.stem == f"{kept.template.version}-{said}", "this text is another one than was shipped"
    log = kept.log
    assert isinstance(log[0], e.CaseOpened) and log[0].template_hash == kept.template.hash
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    assert as_far_as(kept.state, whole(replay(log))) == kept.state
    assert [e.from_json(e.to_json(event)) for event in log] == log


@every_text
def test_a_case_of_every_text_goes_on_where_its_log_leaves_it_and_ends(kept: Kept) -> None:
    machine = kept.case()
    play, length = machine.play, len(machine.play.log)
    machine.look()
    machine.finish(next(task for task in play.state.open_tasks if task.assignee is not None))
    assert any(isinstance(event, e.TaskDecided) for event in play.log[length:])
    machine.look()
    machine.teardown()  # plain work leads to the end
    if play.state.effect_due_at is not None:
        play.now = max(play.now, play.state.effect_due_at)
        play.do(c.JudgeEffect(observed=play.state.threshold, snapshot_id="later"))
    assert play.state.status in ("closed", "effective")
    machine.replaying_the_log_gives_the_live_state()
    assert play.state.template_hash == kept.template.hash


@every_text
def test_a_case_of_every_text_moves_to_the_one_in_service_or_says_why_not(kept: Kept) -> None:
    machine = kept.case()
    play, new = machine.play, shipped_library().get(kept.template.id)
    reasons = fits(play.state, kept.template, new).reasons
    env = replace(play.env, template=new)
    if reasons:
        assert all(reason.strip() for reason in reasons)
        with pytest.raises(Refused, match="does_not_fit"):
            migrate(play.state, kept.template, new, play.now, env, "im")
        return
    events = migrate(play.state, kept.template, new, play.now, env, "im")
    play.template, play.current, play.log = new, fold(play.state, events), [*play.log, *events]
    machine.look()
    machine.teardown()
    assert not play.state.is_open
    machine.replaying_the_log_gives_the_live_state()
