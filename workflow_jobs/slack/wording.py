"""Words of the Slack cards in English and Chinese, and how figures, instants and roles are written in them.

Belongs here: formatting of single values. Does not belong here: which values a card shows (cards).
Pure: no clock, no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from workflow_jobs.engine.parts import Text
from workflow_jobs.slack.button_seal import Seal, unsealed

_WORDS: Mapping[str, tuple[str, str]] = {
    "metric": ("Metric", "指标"),
    "subject": ("Subject", "对象"),
    "observed": ("Observed", "观测值"),
    "trust": ("Trust in the figure", "数据可信度"),
    "why": ("Why", "触发原因"),
    "moved_by": ("What moved the figure most", "变动的主要来源"),
    "points": ("points", "个百分点"),
    "share_of_it": ("{} of the movement", "占变动的 {}"),
    "limit": ("Limit", "阈值"),
    "at_most": ("at most", "不高于"),
    "at_least": ("at least", "不低于"),
    "figures_as_of": ("Figures as of", "数据日期"),
    "snapshot": ("snapshot", "快照"),
    "due": ("Due", "截止时间"),
    "calendar_not_confirmed": (
        "holidays of that year are not published yet, so this date may move",
        "该年度节假日安排尚未公布，日期可能变动",
    ),
    "who_acts": ("Who must act", "处理人"),
    "answerable": ("Answerable", "负责人"),
    "nobody": ("nobody holds this role", "无人担任该角色"),
    "next": ("What happens next", "后续步骤"),
    "ends_case": ("the case is closed", "关闭事件单"),
    "waits_for_others": ("waits for the other branches", "等待其他分支"),
    "last_step": ("the case is closed", "关闭事件单"),
    "awaits_resolution": ("the case closes when its cause is gone", "原因消除后关闭"),
    "so_far": ("So far", "进展"),
    "case": ("Case", "事件单"),
    "rule": ("rule", "规则"),
    "priority": ("priority", "优先级"),
    "breaches": ("Breached in", "累计触发"),
    "breaches_unit": ("snapshots", "次"),
    "latest": ("latest", "最新"),
    "decided": ("Decided", "已决定"),
    "by": ("by", "由"),
    "for": ("acting for", "代"),
    "late": ("late", "超时"),
    "withdrawn": ("Withdrawn", "已撤回"),
    "moved_to": ("Now with", "已转交"),
    "reminder": ("Reminder", "催办"),
    "sla_used": ("of the agreed working time is used", "的约定工时已用"),
    "escalated_to": ("Escalated to", "已升级至"),
    "escalation": ("Escalation", "升级"),
    "reminded": ("Reminded", "已提醒"),
    "default_told": ("Taken by the template itself; told", "按模板默认处理，已告知"),
    "department": ("the department's channel", "部门频道"),
    "rungs_before": ("Before", "此前"),
    "escalation_asks": (
        "This step is waiting. Please see to it that it is decided.",
        "该步骤尚未处理，请督促完成。",
    ),
    "nobody_found": ("nobody could be found for this rung", "未找到可升级的人员"),
    "consulted": ("You are consulted", "请提供意见"),
    "consulted_asks": (
        "Please tell the person who must act what you know before the step is due.",
        "请在截止前将您了解的情况告知处理人。",
    ),
    "to_claim": ("Waits to be claimed", "待认领"),
    "to_claim_asks": (
        "Whoever of its role claims it first has it: use the card of the task.",
        "由该角色中最先认领者处理，请使用任务卡片认领。",
    ),
    "informed": ("For your information", "知会"),
    "step_done": ("done", "已完成"),
    "status": ("Status", "状态"),
    "open": ("open", "处理中"),
    "watching_effect": ("closed; its effect is watched", "已关闭，正在观察效果"),
    "effective": ("closed; it worked", "已关闭，措施有效"),
    "ineffective": ("closed; it did not work", "已关闭，措施无效"),
    "closed": ("closed", "已关闭"),
    "cancelled": ("cancelled", "已取消"),
    "closed_with": ("The case is closed", "事件单已关闭"),
    "outcome": ("Outcome", "结果"),
    "effect_due": ("The metric is looked at again on", "将再次检查指标的时间"),
    "effect_good": ("The case worked", "措施有效"),
    "effect_bad": ("The case did not work", "措施无效"),
    "effect_unknown": ("There is no figure to judge the case by", "没有可用于评估的数据"),
    "reopened": ("The case is open again", "事件单已重新打开"),
    "handed_up": ("Handed up to", "已上报至"),
    "service": ("runs by itself", "系统自动执行"),
    "service_failed": ("The job failed", "任务失败"),
    "process_refused": ("Why it cannot be opened", "无法发起的原因"),
    "process_opened": ("the other process is opened", "发起另一流程"),
    "waiting": ("waiting", "待处理"),
    "cancel": ("Cancel", "取消"),
    "submit": ("Submit", "提交"),
    "yes": ("Yes", "是"),
    "no": ("No", "否"),
    "held": ("Figures held back", "数据已暂停发布"),
    "what_failed": ("What failed", "故障内容"),
    "last_good": ("last good figures of", "最近一次合格数据日期"),
    "none_good": ("no good figures yet", "尚无合格数据"),
    "symptoms": ("Also failing because of it", "因此一并异常"),
    "seen": ("Seen", "出现次数"),
    "times": ("times", "次"),
    "since": ("since", "自"),
    "came_back": ("came back", "再次出现"),
    "part_of": ("Part of", "并入事件"),
    "affected": ("Figures of yours are affected", "您负责的指标受影响"),
    "back": ("It is back", "问题再次出现"),
    "rest_over": ("The snooze is over; the clock runs again", "暂缓已结束，继续计时"),
    "act_acknowledge": ("I look after it", "由我处理"),
    "act_snooze": ("Snooze", "暂缓"),
    "act_wake": ("End the snooze", "结束暂缓"),
    "act_assign": ("Assign", "转交"),
    "assigned_by": ("Assigned by", "转交人："),
    "looked_after_by": ("Looked after by", "处理人："),
    "snoozed_until": ("Snoozed until", "暂缓至"),
    "snooze_note": (
        "The clock of this task waits until then, and goes on by itself. The incident stays open.",
        "在此之前任务停止计时，到时自动继续。事件保持打开。",
    ),
    "until": ("Until", "直到"),
    "reason": ("Reason", "理由"),
    "assign_note": (
        "Only people who may decide this are offered. The clock runs on.",
        "仅列出有权处理的人员。计时不停。",
    ),
    "assign_to": ("To whom", "转交给"),
    "act_claim": ("I take it", "认领"),
    "act_release": ("Give back", "退回待认领"),
    "act_delegate": ("Delegate", "委派"),
    "act_add_approver": ("Add approver", "加签"),
    "act_pause": ("Stop the clock", "暂停计时"),
    "act_answer": ("Answer", "回复意见"),
    "act_withdraw": ("Withdraw", "撤销"),
    "withdraw_note": ("The case is closed, and nobody works on it any more.", "事件单将关闭，不再处理。"),
    "release_note": ("Everybody who holds the role may claim it then.", "该角色的任何人都可认领。"),
    "delegate_note": (
        "The other person works on it and advises you. The decision stays yours.",
        "对方处理后给出建议，最终仍由您决定。",
    ),
    "add_approver_note": ("The step goes on only with this person's approval, too.", "需该人员同意后方可继续。"),
    "pause_note": (
        "The clock of this task waits for the stated reason, and goes on by itself at the latest then.",
        "任务因所选原因暂停计时，最迟到期自动继续。",
    ),
    "why_paused": ("Waiting for", "等待原因"),
    "at_most_days": ("at most", "最长"),
    "comment": ("Comment", "备注"),
    "answer": ("Answer", "意见"),
    "answer_note": ("Whoever decides sees your answer on the card.", "处理人将在卡片上看到您的意见。"),
    "vote": ("Vote", "票签"),
    "not_yet_agreed": ("typed, not yet agreed", "已填写，尚待同意"),
    "vote_for": ("for", "同意"),
    "vote_against": ("against", "反对"),
    "delegated_by": ("Delegated by", "委派人："),
    "delegated_asks": ("What you choose goes back as advice.", "您的选择将作为建议返回。"),
    "added_by": ("Further approval asked for by", "加签发起人："),
    "advice": ("Advice of", "建议："),
    "answered": ("Answer of", "意见："),
    "rating_heading": ("How was it?", "流程评价"),
    "rating_asks": (
        "You took part in this case. How well did the process work, from 1 (badly) to 5 (well)?",
        "您参与了该事件单。请为流程打分：1（差）至 5（好）。",
    ),
    "withdrawn_case": ("Withdrawn by", "撤销人"),
    "returned": ("Returned", "退回"),
    "default_taken": ("Nobody decided in time; the process took", "无人及时处理，流程默认选择"),
    "files": ("file(s)", "个文件"),
    "trend": ("The last months of", "近几个月走势："),
    "all_together": ("all subjects together", "全部对象合计"),
    "dashed_limit": ("dashed: the limit", "虚线为限值"),
    "more_on_page": ("Shortened here; the case's page has all of it.", "此处有省略，完整内容见事件单页面。"),
    "link_case": ("Case and evidence", "事件单与证据"),
    "link_metric": ("Metric", "指标"),
    "link_rows": ("Rows behind the figure", "数据明细"),
    "home_work": ("My work", "我的任务"),
    "home_no_work": ("Nothing waits for you.", "没有等待您处理的任务。"),
    "home_requests": ("My requests", "我的申请"),
    "home_no_requests": (
        "You asked for nothing yet. Type /trueloop open.",
        "您还没有发起事件单，可输入 /trueloop open。",
    ),
    "home_late": ("Late in my department", "部门超期任务"),
    "home_none_late": ("Nothing is late among your people.", "您的团队没有超期任务。"),
    "home_board": ("Open the board", "打开看板"),
    "home_drawn": ("Drawn", "更新于"),
    "open_a_case": ("Open a case", "发起事件单"),
    "act_happened": ("It has happened", "已经发生"),
    "wait_heading": ("Please say when it has happened", "发生后请告知"),
    "wait_until": ("Waited for until", "最迟等待至"),
    "wait_asks": (
        "Press the button when it has happened. It is enough that one of you does.",
        "发生后请点击按钮告知，一人告知即可。",
    ),
    "wait_confirm": ("The case goes on as soon as you say that it has happened.", "您告知后，流程将继续进行。"),
    "wait_over": ("No longer waited for", "等待已结束"),
    "wait_signalled": ("it has happened, says", "已发生，告知人："),
    "wait_elapsed": ("the time for it is over", "等待时间已到"),
    "wait_cancelled": ("the case ended or went on without it", "流程已结束或不再等待"),
    "a_program": ("a program", "系统程序"),
    "home_waits": ("Say when it has happened", "发生后请告知"),
    "home_more_waits": (
        "More cases may wait for your word; the board has them all.",
        "可能还有其他事件单等待您告知，请在看板查看。",
    ),
}

# An escaped character or a link that has begun and not ended: text that is escaped has no other "&" and "<".
_CUT_IN_TWO = re.compile(r"(?:<[^<>]*|&[a-z]{0,3})\Z")
# Marks of mrkdwn, and what looks like them: Slack knows no escape for them. "_" is one at the edge of a word only.
_MARKS = re.compile(r"[*~`]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_UNMARKED: Mapping[str, str] = {"*": "\u2217", "~": "\u223c", "`": "\u02cb", "_": "\u02cd"}
_TURNS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_QUOTE = "> "
# With these a card's own lines begin: what was done, what waits, what was entered, what failed.
LINE_MARKS = ("✓", "…", "•", "!")
_WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKDAYS_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_UNITS: Mapping[str, tuple[str, str]] = {
    "days": (" days", " 天"),
    "hours": (" hours", " 小时"),
    "cny": (" CNY", " 元"),
}


@dataclass(frozen=True, slots=True)
class MetricFigure:
    """How a metric is called and written. ``unit`` and ``decimals`` as in the metric's governance block.

    ``value`` is the whole company's raw figure in the snapshot, None where there is none or it is held back.
    ``trust_en`` and ``trust_zh`` say whether its figure may be trusted now, in the words of every other place.
    """

    label_en: str
    label_zh: str = ""
    unit: str = "ratio"
    decimals: int = 4
    trust_en: str = ""
    trust_zh: str = ""
    value: Decimal | None = None
    snapshot_id: str = ""


@dataclass(frozen=True)
class CardContext:
    """What a card needs besides the case: language (en or zh), local time zone, names, the metric's own words.

    ``address`` is that of the gateway's pages, for links; without one a card has none. ``seal`` makes the nonces of
    buttons.
    """

    language: str
    zone: tzinfo
    name: Callable[[str], str]
    figure: MetricFigure | None = None
    address: str = ""
    seal: Seal = unsealed

    @property
    def chinese(self) -> bool:
        return self.language.startswith("zh")

    def word(self, key: str) -> str:
        """The card's own word in the context's language."""
        return _WORDS[key][1 if self.chinese else 0]

    def title(self, text: Text) -> str:
        """A template's text in the context's language."""
        return text.get(self.language)

    def metric_label(self, metric: str) -> str:
        """The metric's label, else its name."""
        if self.figure is None:
            return metric
        return (self.figure.label_zh if self.chinese else "") or self.figure.label_en or metric

    def trust(self) -> str:
        """Whether the metric's figure may be trusted now; empty where nothing is known of it."""
        return "" if self.figure is None else self.figure.trust_zh if self.chinese else self.figure.trust_en

    def value(self, raw: str | None) -> str:
        """A raw figure (exact decimal text; a ratio for percent) as people read it, half up; a dash for none."""
        if raw is None:
            return "–"
        try:
            number = Decimal(raw)
        except InvalidOperation:
            return raw
        if self.figure is None:
            return format(number.normalize(), "f") if number else "0"
        percent = self.figure.unit == "percent"
        shown = (number * 100 if percent else number).quantize(
            Decimal(1).scaleb(-self.figure.decimals), rounding=ROUND_HALF_UP
        )
        unit = "%" if percent else _UNITS.get(self.figure.unit, ("", ""))[1 if self.chinese else 0]
        return f"{shown:,f}{' ' if percent else ''}{unit}"

    def instant(self, at: datetime) -> str:
        """A UTC instant in local time, with weekday."""
        local = at.astimezone(self.zone)
        # Not strftime: it took a third of the time of rendering a card.
        day, time = local.date().isoformat(), f"{local.hour:02}:{local.minute:02}"
        if self.chinese:
            return f"{day} {_WEEKDAYS_ZH[local.weekday()]} {time}"
        return f"{_WEEKDAYS_EN[local.weekday()]} {day} {time}"

    def span(self, span: timedelta) -> str:
        """A clock time in days, hours and minutes."""
        hours, rest = divmod(int(span.total_seconds()), 3600)
        days, hours = divmod(hours, 24)
        units = ("天", "小时", "分钟") if self.chinese else ("d", "h", "min")
        parts = [f"{number} {unit}" for number, unit in zip((days, hours, rest // 60), units, strict=True) if number]
        return " ".join(parts) or f"0 {units[2]}"

    def zone_name(self) -> str:
        """The time zone's name, as a note beside local times."""
        return str(self.zone)

    def role(self, role: str) -> str:
        """A role id as words."""
        return role.replace("_", " ")


def escaped(text: object) -> str:
    """Text from elsewhere on one line of Slack's mrkdwn, as nothing but text: no links, mentions or special ranges,
    no markup, no line of its own, no characters that turn the reading direction.
    """
    said = str(text)
    if not said.isprintable() or "  " in said:
        # Also blanks without end, which would push what follows them to the beginning of a line.
        said = " ".join(_TURNS.sub("", said).split())
    if "*" in said or "_" in said or "~" in said or "`" in said:
        said = _MARKS.sub(lambda mark: _UNMARKED[mark[0]], said)
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def cut(text: str, limit: int) -> str:
    """mrkdwn of at most ``limit`` characters; neither an escaped character nor a link of ours is cut in two."""
    return text if len(text) <= limit else _CUT_IN_TWO.sub("", text[: limit - 1]) + "…"


def quoted(text: object, limit: int) -> str:
    """Text from elsewhere, escaped, in at most ``limit`` characters as Slack counts them: escaping makes it longer.

    Its second and later lines stand in a quotation, so that none can be taken for a line of the card.
    """
    said = str(text)
    if said.isprintable():
        return cut(escaped(said), limit)
    lines = [line for one in said.splitlines() if (line := escaped(one))]
    return cut("\n> ".join(lines), limit)


def paragraph(text: object, limit: int) -> str:
    """The same where the text begins a line itself: a quotation also where it begins like a line of a card."""
    said = quoted(text, limit - len(_QUOTE))
    return f"{_QUOTE}{said}" if said.startswith(LINE_MARKS) else said


def plain_text(text: str, limit: int) -> dict[str, Any]:
    """A plain_text object of one line."""
    said = text.strip() if text.isprintable() else " ".join(_TURNS.sub("", text).split())
    return {"type": "plain_text", "text": shortened(said or "–", limit), "emoji": False}


def markdown(text: str, limit: int = 3000) -> dict[str, Any]:
    """A mrkdwn object; the caller escapes what comes from elsewhere."""
    return {"type": "mrkdwn", "text": cut(text, limit)}
