"""The words of the desk's pages, in Chinese and English. A table, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from onenet.console.words import PROCEDURES, REASON_KINDS, Words

DESK: Mapping[str, Words] = {
    "desk": {"zh": "待办任务", "en": "Tasks at the desk"},
    "desk_all": {"zh": "全部", "en": "All"},
    "desk_none": {"zh": "无人认领", "en": "Nobody's"},
    "desk_mine": {"zh": "我的", "en": "Mine"},
    "desk_filter": {"zh": "筛选", "en": "Which tasks"},
    "desk_empty": {
        "zh": "没有任务。新的任务会自动出现在这里。",
        "en": "There is none. New ones come by themselves.",
    },
    "desk_next": {"zh": "下一页", "en": "Next page"},
    "desk_held_by": {"zh": "承办人", "en": "Claimed by"},
    "desk_nobody": {"zh": "无人认领", "en": "nobody"},
    "desk_you": {"zh": "您", "en": "you"},
    "desk_arrived": {"zh": "到达时间", "en": "Arrived"},
    "desk_bundle": {"zh": "一件事", "en": "One thing"},
    "desk_submission": {"zh": "第几次提交", "en": "Submission"},
    "desk_application": {"zh": "申请内容", "en": "The application"},
    "desk_no_application": {
        "zh": "监督人员看不到申请内容。",
        "en": "Supervisors are not shown what applicants said.",
    },
    "desk_applicant": {"zh": "申请人", "en": "Applicant"},
    "desk_area": {"zh": "辖区", "en": "Jurisdiction"},
    "desk_form": {"zh": "表单", "en": "Form"},
    "desk_materials": {"zh": "材料", "en": "Materials"},
    "desk_not_given": {"zh": "未提交", "en": "not handed in"},
    "desk_mode_1": {"zh": "由表单生成", "en": "made from the form"},
    "desk_mode_2": {"zh": "电子证照", "en": "electronic certificate"},
    "desk_mode_3": {"zh": "接口核验", "en": "verified by interface"},
    "desk_results_before": {"zh": "前序环节的结果", "en": "Results of steps before"},
    "desk_nothing_possible": {
        "zh": "您目前不能办理此任务。",
        "en": "There is nothing that you can do with this task now.",
    },
    "desk_claim": {"zh": "认领", "en": "Claim the task"},
    "desk_take_over": {"zh": "接管", "en": "Take the task over"},
    "desk_accept": {"zh": "受理", "en": "Accept"},
    "desk_complete": {"zh": "办结", "en": "Complete"},
    "desk_reject": {"zh": "不予通过", "en": "Reject"},
    "desk_supplement": {"zh": "要求补正", "en": "Ask for a supplement"},
    "desk_supplement_help": {
        "zh": "在需要补正的每一项旁写明原因，一次告知全部。",
        "en": "Write why beside each thing that must be handed in or repaired; all of it at once.",
    },
    "desk_wrong": {"zh": "问题类型：{thing}", "en": "What is wrong with: {thing}"},
    **{f"desk_{kind}": words_of for kind, words_of in REASON_KINDS.items()},
    "desk_suspend": {"zh": "启动特别程序", "en": "Begin a special procedure"},
    "desk_resume": {"zh": "结束特别程序", "en": "End the special procedure"},
    "desk_extend": {"zh": "延长期限", "en": "Lengthen the limit"},
    "desk_limit": {"zh": "哪个期限", "en": "Which limit"},
    "desk_statutory": {"zh": "法定时限", "en": "the statutory one"},
    "desk_promised": {"zh": "承诺时限", "en": "the promised one"},
    "desk_days": {"zh": "延长天数（按该时限的单位）", "en": "By how much, in its unit"},
    "desk_approved_by": {"zh": "批准人", "en": "Who approved it"},
    "desk_hearing_told": {"zh": "告知听证权利", "en": "Tell of the right to a hearing"},
    "desk_hearing_set": {"zh": "确定听证时间和地点", "en": "Set the hearing"},
    "desk_hearing_on": {
        "zh": "听证日期（须提前七个工作日通知）",
        "en": "Day of the hearing (seven working days are for the notice)",
    },
    "desk_hearing_place": {"zh": "地点", "en": "Place"},
    "desk_hearing_held": {"zh": "记录听证笔录", "en": "Record the hearing"},
    "desk_minutes": {"zh": "笔录", "en": "Minutes"},
    "desk_unfit": {"zh": "不符合规定", "en": "This is not possible"},
    "desk_unfit_help": {
        "zh": "期限只能延长一次且不得超过规定；听证须在工作日举行，并提前七个工作日通知。操作未执行。",
        "en": "A limit is lengthened once, and by so much at most; a hearing is on a working day, "
        "seven working days after its notice. Nothing was done.",
    },
    "desk_day_over": {"zh": "日期已过", "en": "This day is over"},
    "desk_day_over_help": {
        "zh": "请填写今天或以后的日期。操作未执行；您填写的内容仍在。",
        "en": "Give today or a later day. Nothing was done; what you wrote is still there.",
    },
    "desk_hearing_ahead": {"zh": "听证尚未举行", "en": "The hearing is still to come"},
    "desk_hearing_ahead_help": {
        "zh": "申请听证的期限或听证日期见下；在此之前不得作出决定、要求补正或恢复办理，"
        "笔录自听证之日起方可记录。操作未执行。",
        "en": "Until when it can be asked for, or its day, stands below: until then nothing is decided, "
        "asked of the applicant or resumed, and minutes are recorded from that day on. Nothing was done.",
    },
    "desk_time": {"zh": "时限", "en": "Time limits"},
    "desk_due": {"zh": "{name}：{due}前（含当日）", "en": "{name}: until {due}"},
    "desk_stopped": {"zh": "{name}：暂停计算", "en": "{name}: the clock stands still"},
    "desk_day_by_day": {"zh": "逐日说明", "en": "Day by day"},
    "desk_provisional": {
        "zh": "经过的年份尚未公布节假日安排，可能调整。",
        "en": "It may still move: the holidays of a year on the way are not published.",
    },
    "desk_remedies_told": {
        "zh": "不予许可时，系统会一并告知申请人行政复议、行政诉讼的途径和期限。",
        "en": "Whoever is refused on the merits is told where and until when to ask for review or to sue.",
    },
    "desk_awaited": {"zh": "待核查与待补", "en": "What was promised"},
    "desk_awaited_empty": {
        "zh": "没有待核查的承诺，也没有待补的材料。",
        "en": "Nothing is to be looked at, and nothing is to follow.",
    },
    "desk_overdue": {"zh": "已逾期", "en": "Overdue"},
    "desk_hand_over": {"zh": "转交", "en": "Hand over"},
    "desk_release": {"zh": "放回待办", "en": "Put back"},
    "desk_opinion": {"zh": "办理意见（可不填）", "en": "Opinion (may be left out)"},
    "desk_reason": {"zh": "原因", "en": "Reason"},
    "desk_reason_if_any": {"zh": "原因（可不填）", "en": "Reason (may be left out)"},
    "desk_reason_code": {"zh": "依据", "en": "On what ground"},
    "desk_refused": {"zh": "不符合条件，不予许可", "en": "The conditions are not met"},
    "desk_not_needed": {"zh": "依法不需要办理", "en": "It is not needed by law"},
    "desk_not_competent": {"zh": "不属于本部门职权", "en": "Another body is competent"},
    "desk_procedure": {"zh": "程序", "en": "Procedure"},
    **{f"desk_{procedure}": words_of for procedure, words_of in PROCEDURES.items()},
    "desk_expected": {
        "zh": "预计所需工作日（将告知申请人）",
        "en": "Working days that it takes, as the applicant is told",
    },
    "desk_go_to": {
        "zh": "应向哪个机关申请（不属于本部门职权时必填）",
        "en": "The competent body (needed where another one is)",
    },
    "desk_due_on": {"zh": "补正截止日期（可不填）", "en": "To be handed in by (may be left out)"},
    "desk_number_of": {"zh": "{result}编号", "en": "Number of: {result}"},
    "desk_valid_from": {"zh": "{result}有效期自", "en": "First day on which it holds: {result}"},
    "desk_valid_until": {"zh": "{result}有效期至", "en": "Last day on which it holds: {result}"},
    "desk_to": {"zh": "转交给（如 officer:city-id/z-0413）", "en": "To (such as officer:city-id/z-0413)"},
    "desk_done": {"zh": "已办结，结果：{state}", "en": "Decided: {state}"},
    "desk_back": {"zh": "返回列表", "en": "Back to the list"},
    "desk_moved": {"zh": "任务状态已变化", "en": "The task has changed meanwhile"},
    "desk_moved_help": {
        "zh": "您的操作未执行。下面是任务现在的情况；您填写的内容仍在。",
        "en": "Nothing was done. Below is how the task is now; what you wrote is still there.",
    },
    "desk_missing": {"zh": "内容不完整", "en": "Something is missing"},
    "desk_missing_help": {
        "zh": "请填写全部必填项，文字中不要有不可见字符。操作未执行。",
        "en": "Fill in what is needed, without characters that nobody sees. Nothing was done.",
    },
    "desk_stranger": {"zh": "没有此人或此代码", "en": "There is nobody and nothing of that name"},
    "desk_stranger_help": {
        "zh": "请核对后重试。操作未执行。",
        "en": "Compare it, and try again. Nothing was done.",
    },
    "no_desk": {"zh": "您不能使用工作台", "en": "The desk is not for you"},
    "no_desk_help": {
        "zh": "只有部门工作人员和监督人员可以办理，且登录方式须符合要求。",
        "en": "It is for officers and supervisors who logged in as strongly and lately as that takes.",
    },
}

NOT_COUNTED: Mapping[str, Words] = {
    "weekend": {"zh": "周末", "en": "weekend"},
    "holiday": {"zh": "节假日", "en": "holiday"},
    "special_procedure": {"zh": "特别程序", "en": "special procedure"},
    "supplement": {"zh": "补正", "en": "supplement"},
    "restart": {"zh": "重新起算", "en": "began anew"},
}
"""Why a day on the way is not counted."""

APPLICANT: Mapping[str, Words] = {
    "name": {"zh": "姓名或名称", "en": "Name"},
    "kind": {"zh": "类型", "en": "Kind"},
    "id_type": {"zh": "证件类型", "en": "Document"},
    "id_no": {"zh": "证件号码", "en": "Number of the document"},
    "phone": {"zh": "联系电话", "en": "Telephone"},
}
"""What is known of an applicant."""

OF_APPLICANTS: Mapping[str, Mapping[str, Words]] = {
    "kind": {
        "natural_person": {"zh": "自然人", "en": "A person"},
        "enterprise": {"zh": "企业", "en": "An enterprise"},
    },
    "id_type": {
        "resident_identity_card": {"zh": "居民身份证", "en": "Resident identity card"},
        "hk_macao_taiwan_residence_permit": {
            "zh": "港澳台居民居住证",
            "en": "Residence permit of Hong Kong, Macao and Taiwan residents",
        },
        "uscc": {"zh": "统一社会信用代码", "en": "Unified social credit code"},
        "passport": {"zh": "护照", "en": "Passport"},
        "other": {"zh": "其他", "en": "Another one"},
    },
}
"""Kinds of applicants, and of their documents."""
