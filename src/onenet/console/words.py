"""What states, waits and reasons are called on a page, in Chinese and English. Tables, and nothing else.

A sentence is one entry with named places, never put together from parts: word order differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from onenet.domain.principal import Role
from onenet.domain.states import CaseState, StepState

Language = Literal["zh", "en"]
Words = Mapping[Language, str]

_C, _S = CaseState, StepState

CASE_STATES: Mapping[CaseState, Words] = {
    _C.RECEIVED: {"zh": "已收件", "en": "Received"},
    _C.ACCEPTED: {"zh": "已受理", "en": "Accepted"},
    _C.IN_PROGRESS: {"zh": "办理中", "en": "In progress"},
    _C.COMPLETED: {"zh": "已办结", "en": "Completed"},
    _C.PARTLY_COMPLETED: {"zh": "部分办结", "en": "Partly completed"},
    _C.REJECTED: {"zh": "不予办理", "en": "Rejected"},
    _C.WITHDRAWN: {"zh": "已撤件", "en": "Withdrawn"},
}

STEP_STATES: Mapping[StepState, Words] = {
    _S.WAITING: {"zh": "等待中", "en": "Waiting"},
    _S.READY: {"zh": "待派发", "en": "Queued"},
    _S.DISPATCHED: {"zh": "已派发", "en": "Handed over"},
    _S.ACCEPTED: {"zh": "已受理", "en": "Accepted"},
    _S.SUPPLEMENT_NEEDED: {"zh": "需补正", "en": "Correction needed"},
    _S.SUSPENDED: {"zh": "特别程序", "en": "Suspended"},
    _S.COMPLETED: {"zh": "已办结", "en": "Completed"},
    _S.REJECTED: {"zh": "未通过", "en": "Rejected"},
    _S.SKIPPED: {"zh": "无需办理", "en": "Not needed"},
    _S.CANCELLED: {"zh": "已取消", "en": "Cancelled"},
    _S.HELD: {"zh": "暂停", "en": "On hold"},
}

SIGNS: Mapping[StepState, str] = {
    _S.WAITING: "·",
    _S.READY: "·",
    _S.DISPATCHED: "→",
    _S.ACCEPTED: "»",
    _S.SUPPLEMENT_NEEDED: "!",
    _S.SUSPENDED: "=",
    _S.COMPLETED: "✓",
    _S.REJECTED: "×",
    _S.SKIPPED: "-",
    _S.CANCELLED: "-",
    _S.HELD: "?",
}
"""One character a state, beside its word or where there is room for no more."""

REASON_KINDS: Mapping[str, Words] = {
    "incorrect": {"zh": "不正确", "en": "incorrect"},
    "incomplete": {"zh": "不完整", "en": "incomplete"},
    "outdated": {"zh": "已过期", "en": "outdated"},
    "missing": {"zh": "缺少", "en": "missing"},
}
"""What is wrong with a material or a field that must be repaired."""

PROCEDURES: Mapping[str, Words] = {
    "hearing": {"zh": "听证", "en": "hearing"},
    "tender": {"zh": "招标", "en": "tender"},
    "auction": {"zh": "拍卖", "en": "auction"},
    "inspection": {"zh": "检验", "en": "inspection"},
    "testing": {"zh": "检测", "en": "testing"},
    "quarantine": {"zh": "检疫", "en": "quarantine"},
    "appraisal": {"zh": "鉴定", "en": "appraisal"},
    "expert_review": {"zh": "专家评审", "en": "expert review"},
}
"""Special procedures, in the words of LIC art. 45."""

REMEDIES: Mapping[str, Words] = {
    "administrative_review": {
        "zh": "不服的，可在{last_day}前（含当日）向{where}申请行政复议，",
        "en": "You can ask for administrative review until {last_day} ({where}).",
    },
    "lawsuit": {
        "zh": "也可在{last_day}前（含当日）向{where}提起行政诉讼。",
        "en": "You can go to court until {last_day} ({where}).",
    },
}
"""What can be done against a refusal."""

NOT_VERIFIED: Words = {"zh": "未通过核验", "en": "Could not be verified"}
CORRECT_DATA: Words = {
    "zh": "请更正信息后重新申请此环节。",
    "en": "Correct what you stated, and apply for this step again.",
}

WRONG: Words = {"zh": "{thing}（{kind}）", "en": "{thing} ({kind})"}

WAITS: Mapping[str, Words] = {
    "dependency": {"zh": "等待前序环节：{steps}", "en": "Waits until this is done: {steps}"},
    "waiting_period": {
        "zh": "公示或等待期未满，{first_day}起继续办理",
        "en": "The waiting period is not over; it goes on from {first_day}",
    },
    "with_department": {
        "zh": "已送{department}，等待答复",
        "en": "Handed to {department}; its answer is awaited",
    },
    "endpoint_held": {
        "zh": "{department}的接口已暂停，恢复后系统将自动送达",
        "en": "{department} takes nothing at the moment; it is handed over as soon as it does",
    },
    "department_unreachable": {
        "zh": "暂时无法送达{department}，系统将自动重试",
        "en": "{department} cannot be reached at the moment; it is tried again by itself",
    },
    "to_be_fetched": {
        "zh": "等待{department}取件",
        "en": "Waits for {department} to fetch it",
    },
    "at_desk": {
        "zh": "已送{department}，等待工作人员接手",
        "en": "It lies at the desk of {department}, for a clerk to take it up",
    },
    "with_clerk": {
        "zh": "{department}工作人员正在审核",
        "en": "A clerk of {department} is looking at it",
    },
    "queued": {
        "zh": "{department}正在接收本件的另一环节，随后送达",
        "en": "{department} is taking another step of this case first",
    },
    "sent_again": {
        "zh": "正在重新送达{department}",
        "en": "It is handed to {department} once more",
    },
    "being_decided": {
        "zh": "{department}已受理，正在办理",
        "en": "{department} has accepted it and is at work",
    },
    "special_procedure": {
        "zh": "{department}正在进行特别程序{procedure}",
        "en": "{department} holds a special procedure {procedure}",
    },
    "special_procedure_until": {
        "zh": "{department}正在进行特别程序{procedure}，预计{last_day}前（含当日）结束，其间时限暂停计算",
        "en": "{department} holds a special procedure {procedure} until about {last_day};"
        " the time limit stands still",
    },
    "supplement": {"zh": "等待您补正：{things}", "en": "Waits for you: {things}"},
    "supplement_until": {
        "zh": "等待您在{last_day}前（含当日）补正：{things}",
        "en": "Waits for you until {last_day}: {things}",
    },
    "offline": {"zh": "请到{department}窗口办理", "en": "Please go to the counter of {department}"},
    "upstream_not_completed": {
        "zh": "前序环节未通过（{steps}），由工作人员决定如何继续",
        "en": "A step before it was not completed ({steps}); an officer decides how to go on",
    },
    "upstream_taken_back": {
        "zh": "前序环节的结果已被撤回或撤销（{steps}），由工作人员决定如何继续",
        "en": "The result of a step before it was taken back ({steps}); an officer decides how to go on",
    },
    "unclear_answer": {
        "zh": "{department}的答复需由工作人员核对",
        "en": "An officer checks the answer of {department}",
    },
    "inconsistent": {
        "zh": "记录不一致，由工作人员核对",
        "en": "The records do not agree; an officer looks into it",
    },
    "delivery_endpoint": {
        "zh": "{department}的系统已停用，由工作人员处理",
        "en": "The system of {department} is out of use; an officer deals with it",
    },
    "delivery_exhausted": {
        "zh": "多次送达{department}未成功，由工作人员处理",
        "en": "{department} could not be reached; an officer deals with it",
    },
    "delivery_needs_attention": {
        "zh": "{department}的系统未接收，由工作人员处理",
        "en": "The system of {department} did not take it; an officer deals with it",
    },
}
"""By the reason of a wait. Places: `department`, `steps`, `things`, `first_day`, `last_day`."""

WAITS_FOR: Mapping[str, Words] = {
    "steps": {"zh": "等待其他环节", "en": "Waits for other steps"},
    "time": {"zh": "等待期未满", "en": "Waits for a day to come"},
    "department": {"zh": "等待{department}", "en": "Waits for {department}"},
    "applicant": {"zh": "等待您办理", "en": "Waits for you"},
    "officer": {"zh": "等待工作人员处理", "en": "Waits for an officer"},
}
"""By whom is waited for, where the reason is not in `WAITS`."""

END_REASONS: Mapping[str, Words] = {
    "application_window_closed": {
        "zh": "公示期满后未在规定期限内申请",
        "en": "It was applied for after the time allowed for it",
    },
    "supplement_lapsed": {
        "zh": "逾期未补正",
        "en": "What was asked for did not come in time",
    },
    "withdrawn_by_applicant": {"zh": "申请人撤回", "en": "Withdrawn by the applicant"},
    "applied_for_again": {"zh": "已在新办件中重新申请", "en": "Applied for again in a new case"},
    "not_applied_for_again": {
        "zh": "见原办件，本次未重新申请",
        "en": "See the earlier case: it is not applied for again",
    },
    "upstream_not_completed": {
        "zh": "前序环节未通过（{steps}），本环节随之取消",
        "en": "Cancelled, as a step before it was not completed ({steps})",
    },
    "tolerance_lapsed": {
        "zh": "容缺材料逾期未补，视为撤回申请",
        "en": "What was to follow did not come in time; it counts as withdrawn",
    },
}
"""By the reason of an end that onenet itself decided; a department gives its own reasons in its decision."""

TASKS: Mapping[str, Words] = {
    "supplement": {
        "zh": "“{step}”需要补正：{things}。请在原申请渠道提交。",
        "en": "“{step}” needs: {things}. Hand it in where you applied.",
    },
    "supplement_until": {
        "zh": "“{step}”需要在{last_day}前（含当日）补正：{things}。请在原申请渠道提交。",
        "en": "“{step}” needs until {last_day}: {things}. Hand it in where you applied.",
    },
    "offline": {
        "zh": "“{step}”须到{department}窗口办理，请携带身份证件。",
        "en": "“{step}” is handled at the counter of {department}. Take your identity document with you.",
    },
}
"""What the applicant must do, by the reason of the wait."""

PAGE: Mapping[str, Words] = {
    "title": {"zh": "办件进度", "en": "How your case stands"},
    "office": {"zh": "一网通办", "en": "One network"},
    "skip": {"zh": "跳到正文", "en": "Skip to the content"},
    "number": {"zh": "办件编号", "en": "Case number"},
    "state": {"zh": "当前状态", "en": "State"},
    "submitted": {"zh": "提交时间", "en": "Submitted"},
    "updated": {"zh": "最近更新", "en": "Last change"},
    "now": {"zh": "您现在需要办理", "en": "What you must do now"},
    "where": {
        "zh": "请在您提交申请的平台或窗口办理。",
        "en": "Do it where you applied: in the same app, or at the same window.",
    },
    "nothing": {"zh": "目前不需要您办理任何事项。", "en": "There is nothing you have to do now."},
    "steps": {"zh": "办理环节", "en": "Steps"},
    "since": {"zh": "自 {day}", "en": "since {day}"},
    "results": {"zh": "办理结果：{results}", "en": "Issued: {results}"},
    "not_needed": {"zh": "按您的情况无需办理：{steps}", "en": "Not needed in your situation: {steps}"},
    "refreshing": {
        "zh": "本页每 {seconds} 秒自动刷新。",
        "en": "This page refreshes itself every {seconds} seconds.",
    },
    "stop": {"zh": "停止自动刷新", "en": "Stop refreshing"},
    "start": {"zh": "恢复自动刷新", "en": "Refresh by itself again"},
    "other_language": {"zh": "English", "en": "中文"},
    "error": {"zh": "错误：", "en": "Error: "},
    "track": {"zh": "查询办件进度", "en": "See how a case stands"},
    "secret": {"zh": "查询口令", "en": "Tracking secret"},
    "secret_hint": {
        "zh": "提交申请时与办件编号一同告知，区分大小写。",
        "en": "It was told with the number when you applied. Capital and small letters differ.",
    },
    "look": {"zh": "查询", "en": "Show"},
    "leave": {"zh": "退出查询", "en": "Stop looking"},
    "not_found": {"zh": "未找到此办件", "en": "There is no such case"},
    "not_found_help": {
        "zh": "办件编号或查询口令不正确。请核对提交申请时得到的信息后重试。",
        "en": "The number or the secret is not right. Compare them with what you were told when you applied.",
    },
    "unavailable": {"zh": "服务暂时无法使用", "en": "This does not work at the moment"},
    "unavailable_help": {
        "zh": "已提交的办件没有受影响，请稍后再试。",
        "en": "Cases that were sent in are safe. Please try again later.",
    },
    "failed": {"zh": "系统出现错误", "en": "Something went wrong here"},
    "failed_help": {
        "zh": "这不是您的问题。请稍后再试；如仍不成功，请提供下方编号。",
        "en": "It was not your doing. Try again later; if that does not help, pass on the reference below.",
    },
    "too_often": {"zh": "访问过于频繁", "en": "That was asked too often"},
    "too_often_help": {
        "zh": "来自您所在网络的请求过多，请稍等一分钟再试。",
        "en": "Too many requests came from your network. Please wait a minute, and try again.",
    },
    "no_page": {"zh": "没有此页面", "en": "There is no such page"},
    "no_page_help": {
        "zh": "请核对地址。",
        "en": "Please compare the address with the one you were given.",
    },
    "bad_request": {"zh": "无法处理此请求", "en": "This could not be read"},
    "bad_request_help": {
        "zh": "请返回页面，刷新后重试。",
        "en": "Go back, reload the page, and try again.",
    },
    "back": {"zh": "返回", "en": "Go back"},
    "reference": {"zh": "请求编号：", "en": "Reference:"},
    "console": {"zh": "工作台", "en": "Console"},
    "logged_in_as": {"zh": "当前登录", "en": "Logged in as"},
    "role": {"zh": "角色", "en": "Role"},
    "department": {"zh": "部门", "en": "Department"},
    "jurisdictions": {"zh": "辖区", "en": "Jurisdictions"},
    "logged_in_until": {"zh": "登录至迟有效至", "en": "Logged in until, at the latest"},
    "elsewhere": {"zh": "其他登录", "en": "Logged in elsewhere"},
    "elsewhere_help": {
        "zh": "如有不是您本人的登录，请立即结束并联系管理员。",
        "en": "End what was not you at once, and tell your administrator.",
    },
    "elsewhere_none": {
        "zh": "您没有在其他浏览器登录。",
        "en": "You are logged in in no other browser.",
    },
    "some_browser": {"zh": "未知浏览器", "en": "Unknown browser"},
    "logged_in_at": {"zh": "登录于", "en": "logged in"},
    "last_used": {"zh": "最近使用", "en": "last used"},
    "end_one": {"zh": "结束", "en": "End"},
    "end_all": {"zh": "结束所有其他登录", "en": "End all others"},
    "log_in": {"zh": "登录", "en": "Log in"},
    "log_in_at": {"zh": "通过 {issuer} 登录", "en": "Log in with {issuer}"},
    "log_out": {"zh": "退出登录", "en": "Log out"},
    "left": {"zh": "您已退出登录", "en": "You are logged out"},
    "left_here_only": {
        "zh": "您可能仍在身份认证服务处登录。",
        "en": "You may still be logged in where you proved who you are.",
    },
    "leave_issuer": {"zh": "在那里也退出", "en": "Log out there, too"},
    "login_failed": {"zh": "登录未成功", "en": "You could not be logged in"},
    "login_failed_help": {
        "zh": "请重新登录；如仍不成功，请联系管理员。",
        "en": "Please log in again. If that does not help, tell your administrator.",
    },
    "issuer_away": {"zh": "身份认证服务暂时无法使用", "en": "The log-in service does not answer"},
    "issuer_away_help": {"zh": "请稍后再试。", "en": "Please try again later."},
    "no_issuer": {"zh": "没有这种登录方式", "en": "There is no such way to log in"},
    "no_issuer_help": {"zh": "请从登录页重新开始。", "en": "Please begin at the log-in page."},
    "bad_target": {"zh": "链接不正确", "en": "The link is not right"},
    "bad_target_help": {
        "zh": "登录后只能返回本系统的页面。",
        "en": "After a log-in you can only be sent to pages of this system.",
    },
    "form_refused": {"zh": "操作未被接受", "en": "This was not accepted"},
    "form_refused_help": {
        "zh": "该表单不是从本系统您正在使用的页面提交的。请返回页面，刷新后重试。",
        "en": "The form did not come from a page that you have open here. Reload the page, and try again.",
    },
}
"""Everything else on the page."""

ROLES: Mapping[Role, Words] = {
    Role.FRONTEND: {"zh": "前端系统", "en": "Front-end"},
    Role.CITIZEN: {"zh": "申请人", "en": "Applicant"},
    Role.AGENT: {"zh": "企业经办人", "en": "Agent of an enterprise"},
    Role.CLERK: {"zh": "窗口人员", "en": "Clerk at the counter"},
    Role.OFFICER: {"zh": "部门工作人员", "en": "Officer of a department"},
    Role.DEPARTMENT: {"zh": "部门系统", "en": "System of a department"},
    Role.SUPERVISOR: {"zh": "监督人员", "en": "Supervisor"},
    Role.ADMINISTRATOR: {"zh": "系统管理员", "en": "Administrator"},
    Role.AUDITOR: {"zh": "审计人员", "en": "Auditor"},
}

SEPARATOR: Words = {"zh": "、", "en": ", "}
DAY: Words = {"zh": "{at.year}年{at.month}月{at.day}日", "en": "{at.day} {month} {at.year}"}
TIME: Words = {
    "zh": "{at.year}年{at.month}月{at.day}日 {at:%H:%M}",
    "en": "{at.day} {month} {at.year}, {at:%H:%M}",
}
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
