"""Words of the answers to the slash command and of the Home tab in Slack."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "slack_unknown_command": ("I do not know “{word}”.", "无法识别“{word}”。"),
    "slack_help": ("This is what you can ask:", "可用指令："),
    "slack_help_metric": ("a published figure: value, date, whether it may be trusted", "查询指标：数值、日期、可信度"),
    "slack_help_metric_words": ("name or words", "名称或关键词"),
    "slack_help_open": ("open a case yourself", "发起事件单"),
    "slack_help_open_words": ("process", "流程"),
    "slack_help_case": ("how a case stands", "查看事件单进展"),
    "slack_help_case_words": ("number", "编号"),
    "slack_help_mine": ("the tasks that wait for you", "等待您处理的任务"),
    "slack_help_help": ("this list", "显示本列表"),
    "slack_metric_which": ("Which metric? Give its name or some words.", "请提供指标名称或关键词。"),
    "slack_metric_none": (
        "No metric is found by “{words}”. All of them stand on {link}.",
        "未找到与“{words}”相关的指标。全部指标见 {link}。",
    ),
    "slack_metric_as_of": ("as of {day}", "数据日期 {day}"),
    "slack_metric_no_figure": ("there is no figure", "暂无数据"),
    "slack_metric_page": ("Open its page", "打开指标页面"),
    "slack_metric_others": ("Also found", "其他结果"),
    "slack_metrics_page": ("the page of metrics", "指标页面"),
    "slack_nothing_published": (
        "Nothing was published yet, so there are no figures. Ask the data team to run a refresh.",
        "尚未发布任何数据，请联系数据团队刷新。",
    ),
    "slack_open_which": ("Which process? You can open:", "请选择流程，您可以发起："),
    "slack_open_none": (
        "No process lets people open cases by themselves; rules and jobs open them.",
        "目前没有可由个人发起的流程，事件单由规则或作业自动创建。",
    ),
    "slack_open_unknown": (
        "There is no process “{word}” that people may open. You can open:",
        "没有可发起的流程“{word}”。您可以发起：",
    ),
    "slack_open_several": ("“{word}” may mean:", "“{word}”可能指："),
    "slack_open_not_any_more": ("You cannot open this process any more.", "您已不能发起该流程。"),
    "slack_open_late": (
        "The form could not be opened in time. Please type the command again.",
        "未能及时打开表单，请重新输入指令。",
    ),
    "slack_opened_title": ("Opened", "已发起"),
    "slack_opened": ("The case {case} is open. {link}", "事件单 {case} 已创建。{link}"),
    "slack_case_which": ("Which case? Give its number, such as C-000012.", "请提供事件单编号，例如 C-000012。"),
    "slack_case_unknown": ("There is no case {case}.", "没有事件单 {case}。"),
    "slack_case_page": ("Open its page", "打开事件单页面"),
    "slack_case_waits": ("waits for {who}, due {due}", "等待 {who} 处理，截止 {due}"),
    "slack_case_nobody": ("nobody", "暂无"),
    "slack_case_opened": ("opened {at}", "创建于 {at}"),
    "slack_mine_none": ("Nothing waits for you.", "没有等待您处理的任务。"),
    "slack_mine_one": ("1 task waits for you:", "有 1 项任务等待您处理："),
    "slack_mine": ("{count} tasks wait for you:", "有 {count} 项任务等待您处理："),
    "slack_mine_more": ("and {count} more", "另有 {count} 项"),
    "slack_board_page": ("Open the board", "打开看板"),
    "slack_due": ("due {at}", "截止 {at}"),
    "slack_late_by": ("overdue since {at}", "已超期，截止 {at}"),
    "slack_metric_hidden": (
        "This figure is not shown to your role. The data team can tell who sees it.",
        "您的角色无权查看该指标，可向数据团队了解查看权限。",
    ),
    "slack_hidden": ("hidden from your reader role", "无权查看"),
    "slack_nobody_known": (
        "Trueloop's people directory does not know you: no person has your e-mail address. Ask the data team to add it "
        "to the HR data, or to map you in the Slack users file.",
        "人员目录中没有您的邮箱地址。请联系数据团队在人事数据中补充，或在Slack用户映射文件中登记。",
    ),
    "slack_try_again": (
        "Slack did not say who you are. Please try again in a minute.",
        "暂时无法确认您的身份，请一分钟后重试。",
    ),
    "slack_rated": ("Thank you: {score} of 5 for {case}.", "感谢评价：{case} {score} 分（满分5分）。"),
    "slack_wait_said_by": ("{who} said so before; the case has gone on.", "{who} 已先行告知，流程已继续。"),
    "slack_wait_said_by_you": ("You said so already; the case has gone on.", "您已告知，流程已继续。"),
    "slack_wait_program": ("A program", "系统程序"),
    "slack_wait_nothing": ("Nothing was changed", "未作更改"),
    "slack_wait_moment": ("One moment", "请稍候"),
    "slack_wait_files": ("The files are being taken in …", "正在接收文件…"),
    "slack_wait_done": ("Done", "完成"),
    "slack_wait_kept": ("What you said and its files are kept.", "您告知的内容和文件已保存。"),
    "slack_wait_no_files": (
        "Slack did not give the files, so nothing was changed. Please press the button again.",
        "Slack 未提供文件，因此未作更改。请再次点击按钮。",
    ),
    "slack_failed_title": ("Something went wrong", "出现错误"),
    "slack_failed": (
        "Something failed inside Trueloop after you had sent this. The card shows whether it was taken; if not, please "
        "press the button again. The gateway's log says what failed.",
        "提交后系统内部出错。请查看卡片是否已更新；如未更新，请再次点击按钮。具体原因见网关日志。",
    ),
    "slack_nothing_decided": ("Nothing was decided", "未作决定"),
    "slack_kept": ("Your decision and its files are kept.", "您的决定和文件已保存。"),
    "slack_no_files": (
        "Slack did not give the files, so nothing was decided. Please press the button again.",
        "Slack 未提供文件，因此未作决定。请再次点击按钮。",
    ),
    "slack_old_card": (
        "This card is of an older version of Trueloop, or of another installation. Please use the latest card of the "
        "case, or the app's Home tab.",
        "该卡片来自 Trueloop 旧版本或其他系统，请使用事件单的最新卡片，或在应用主页处理。",
    ),
    "slack_no_task": ("This task does not exist any more.", "该任务已不存在。"),
    "slack_form_late": (
        "The form could not be opened in time. Please press the button again.",
        "未能及时打开表单，请再次点击按钮。",
    ),
    "slack_who_are_you": (
        "Slack did not say who you are, so nothing was decided. Please try again in a minute.",
        "暂时无法确认您的身份，因此未作决定。请一分钟后重试。",
    ),
    "slack_nobody_decides": (
        "Trueloop's people directory does not know you: no person has your e-mail address. Ask the data team to add it "
        "to the HR data, or to map you in the Slack users file. Nothing was decided.",
        "人员目录中没有您的邮箱地址。请联系数据团队在人事数据中补充，或在Slack用户映射文件中登记。未作决定。",
    ),
    "cases_what": ("What happens in cases", "事件单内容"),
    "slack_close": ("Close", "关闭"),
}
