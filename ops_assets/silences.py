"""Rows that stopped coming, grouped with what failed: many metrics that lose rows to one cause are one root cause.

Belongs here: which silences a late feed, a failed asset or a common model explains, pure. Does not belong here: finding
silences (watch rules of the kind ``missing``) and the grouping of failures (root_causes).

The rule. A silence is a failure about the age of the data where something else explains it: a delivery in trouble below
its metric, or a failed asset. Of the metrics left that are silent as a whole, those whose rows come from one model are
one cause, rooted at the nearest such model. Rows come from the models that the metric's date column comes from: a
dimension that two metrics share is no reason that both lose rows. A silence that nothing explains stands alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ops_assets.root_causes import Failure, RootCause, SourceTrouble, root_causes

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, order=True)
class Silence:
    """Rows of a metric, or of one of its subjects, that did not come; found by a watch rule. ``subject`` is "" for the
    metric as a whole.
    """

    metric: str
    rule: str
    subject: str = ""
    sentence: str = ""


@dataclass(frozen=True)
class Causes:
    """The root causes, and the silences that are part of one of them; the others stand alone. ``silent_models`` maps a
    model without rows to the metrics that lose them.
    """

    roots: tuple[RootCause, ...]
    explained: frozenset[Silence]
    silent_models: Mapping[str, frozenset[str]]


def causes_with_silences(
    failures: Iterable[Failure],
    silences: Iterable[Silence],
    upstream: Mapping[str, frozenset[str]],
    sources: Mapping[str, frozenset[str]],
    rows_from: Mapping[str, frozenset[str]],
    troubles: Sequence[SourceTrouble] = (),
) -> Causes:
    """The root causes of failures and silences together. ``upstream`` and ``sources`` as for ``root_causes``;
    ``rows_from`` maps a metric to the models that its rows come from.
    """
    red, silent = tuple(failures), sorted(set(silences))
    failed = {failure.asset for failure in red}
    late = frozenset().union(*(trouble.tables for trouble in troubles))
    explained = {
        one
        for one in silent
        if one.metric in failed or upstream.get(one.metric, _NONE) & failed or sources.get(one.metric, _NONE) & late
    }
    whole = {one.metric for one in silent if not one.subject}
    left = whole - {one.metric for one in explained}
    models = silent_models({metric: rows_from.get(metric, _NONE) for metric in left}, upstream)
    grouped = {metric: model for model, metrics in models.items() for metric in metrics}
    # A model that was a root before its feed was seen to be late is a symptom now: its incident joins the feed's.
    between = silent_models({metric: rows_from.get(metric, _NONE) for metric in whole - left}, upstream)
    symptoms = {model: metrics for model, metrics in between.items() if sources.get(model, _NONE) & late}
    # A subject's silence is explained by that of its whole metric.
    explained |= {one for one in silent if one.metric in grouped}
    more = [Failure(one.metric, one.rule, one.sentence, timeliness=True) for one in explained]
    more += [
        Failure(grouped[one.metric], one.rule, f"{one.metric}: {one.sentence}", timeliness=True)
        for one in silent
        if one.metric in grouped and not one.subject
    ]
    more += [
        Failure(model, "rows", f"no rows for {', '.join(sorted(metrics))}", timeliness=True)
        for model, metrics in symptoms.items()
    ]
    roots = root_causes([*red, *more], upstream, sources, troubles)
    return Causes(roots, frozenset(explained), {**symptoms, **models})


def silent_models(
    rows_from: Mapping[str, frozenset[str]], upstream: Mapping[str, frozenset[str]]
) -> dict[str, frozenset[str]]:
    """The models that two or more of the silent metrics get their rows from, each metric under one model only.

    The model that most metrics have in common comes first, of several with the same metrics the nearest: the one that
    stands on the others.
    """
    left, found = dict(rows_from), dict[str, frozenset[str]]()
    while True:
        covers: dict[str, set[str]] = {}
        for metric, models in left.items():
            for model in models:
                covers.setdefault(model, set()).add(metric)
        common = [model for model, metrics in covers.items() if len(metrics) > 1]
        if not common:
            return found
        nearest = min(common, key=lambda model: (-len(covers[model]), -len(upstream.get(model, _NONE)), model))
        found[nearest] = frozenset(covers[nearest])
        left = {metric: models for metric, models in left.items() if metric not in covers[nearest]}
