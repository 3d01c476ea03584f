"""What `/trueloop metric` answers: a governed figure with its date, its trust and its page, as Block Kit.

Belongs here: looking up and rendering. Does not belong here: which texts find a metric (metric_search), who may see a
figure (ops_assets.access).
"""

from __future__ import annotations

from gateway.context import GatewayContext
from gateway.figure_words import amount
from gateway.metric_search import search_metrics
from gateway.words import text
from ops_assets.access import Reader
from ops_assets.definition_bundle import bundle_of
from ops_assets.governed_figures import GovernedFigures
from ops_assets.trust import trust_of
from workflow_jobs.slack.message import Block
from workflow_jobs.slack.wording import escaped, markdown

_OTHERS = 4
_LONGEST_WORDS = 200


def metric_answer(context: GatewayContext, reader: Reader, language: str, words: str) -> tuple[str, list[Block]]:
    """Text and blocks for the metric that ``words`` name or find best; others that they find are listed below."""
    words = words.strip()[:_LONGEST_WORDS]
    if not words:
        return _said(text(language, "slack_metric_which"))
    snapshot = context.snapshots.current()
    if snapshot is None:
        return _said(text(language, "slack_nothing_published"))
    rows = {row["metric"]: row for row in snapshot.rows("select * from metrics")}
    named = [name for name in (words, f"metric_{words}") if name in rows]
    found = search_metrics(context.snapshots, snapshot, words, context.settings.search_embedder)
    names = list(dict.fromkeys([*named, *(one.name for one in found)]))
    base = context.settings.gateway_url
    if not names:
        link = f"<{base}/metrics|{escaped(text(language, 'slack_metrics_page'))}>"
        return _said(text(language, "slack_metric_none", words=escaped(words), link=link))
    figures = GovernedFigures(bundle_of(context.snapshots, snapshot), context.access)
    trust = trust_of(snapshot, context.clock.now())

    def label(name: str) -> str:
        return str((rows[name]["label_zh"] if language == "zh" else "") or rows[name]["label_en"] or name)

    best = names[0]
    row = rows[best]
    refused = figures.refusal(reader, best, language)
    if refused is not None:
        figure = escaped(text(language, "slack_metric_hidden"))
    elif row["value_text"] is None:
        figure = escaped(text(language, "slack_metric_no_figure"))
    else:
        figure = f"*{escaped(amount(language, row['value_text'], row['unit']))}*"
    lines = [f"*{escaped(label(best))}*", figure]
    if row["as_of"] is not None and refused is None:
        lines[1] += " · " + escaped(text(language, "slack_metric_as_of", day=row["as_of"].isoformat()))
    if refused is None:
        lines.append(escaped(trust[best].sentence(language)))
    lines.append(f"<{base}/metrics/{best}|{escaped(text(language, 'slack_metric_page'))}>")
    blocks: list[Block] = [{"type": "section", "text": markdown("\n".join(lines))}]
    others = [f"<{base}/metrics/{name}|{escaped(label(name))}>" for name in names[1 : 1 + _OTHERS]]
    if others:
        also = f"{escaped(text(language, 'slack_metric_others'))}: {' · '.join(others)}"
        blocks.append({"type": "context", "elements": [markdown(also, 2000)]})
    return f"{escaped(label(best))}: {figure.replace('*', '')}", blocks


def _said(sentence: str) -> tuple[str, list[Block]]:
    return sentence, [{"type": "section", "text": markdown(sentence)}]
