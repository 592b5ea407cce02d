"""The words of the pages of opinions, in Chinese and English. A table, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from onenet.console.words import Words

OPINION: Mapping[str, Words] = {
    "opinions": {"zh": "征求意见", "en": "Opinions asked of us"},
    "opinions_empty": {"zh": "没有待反馈的意见。", "en": "No answer is awaited."},
    "opinion_by": {"zh": "征求部门", "en": "Asked by"},
    "opinion_question": {"zh": "问题", "en": "The question"},
    "opinion_due": {"zh": "反馈期限", "en": "Answer until"},
    "opinion_late": {"zh": "已逾期，仍可反馈", "en": "late; it can still be given"},
    "opinion_put": {"zh": "提供的内容", "en": "What was put to you"},
    "opinion_put_nothing": {"zh": "没有提供申请内容。", "en": "Nothing of the application."},
    "opinion_give": {"zh": "反馈意见", "en": "Give the opinion"},
    "opinion_answer": {"zh": "意见", "en": "Opinion"},
    "opinion_words": {
        "zh": "说明（有条件同意、不同意时必填）",
        "en": "Conditions or reasons, where there are any",
    },
    "opinion_back": {"zh": "返回征求意见", "en": "Back to the opinions"},
    "opinion_missing": {"zh": "请写明条件或理由", "en": "Say the conditions, or the reasons"},
    "opinion_missing_help": {"zh": "您填写的内容仍在下方。", "en": "What you wrote is still below."},
    "opinion_over": {"zh": "该意见已不能反馈", "en": "The opinion cannot be given any more"},
    "opinion_over_help": {"zh": "当前状态见下方。", "en": "How it stands is below."},
    "opinion_asked": {"zh": "待反馈", "en": "awaited"},
    "opinion_given": {"zh": "已反馈", "en": "given"},
    "opinion_withdrawn": {"zh": "已撤回", "en": "withdrawn"},
    "opinion_ended": {"zh": "已终止", "en": "ended with the step"},
    "opinion_agree": {"zh": "同意", "en": "Agree"},
    "opinion_agree_with_conditions": {"zh": "有条件同意", "en": "Agree under conditions"},
    "opinion_disagree": {"zh": "不同意", "en": "Disagree"},
    "opinion_no_remarks": {"zh": "无意见", "en": "No remarks"},
    "opinions_of_step": {"zh": "征求其他部门意见", "en": "Opinions of other departments"},
    "opinion_ask": {"zh": "征求其他部门意见", "en": "Ask another department for its opinion"},
    "opinion_ask_help": {
        "zh": "被征求部门只能看到勾选的内容；办理时限不停止计算。",
        "en": "It sees what is ticked, and nothing else of the case. The time of the step runs on.",
    },
    "opinion_of": {"zh": "被征求部门", "en": "Whom to ask"},
    "opinion_put_to_it": {"zh": "提供的内容", "en": "What is put to it"},
    "opinion_withdraw": {"zh": "撤回征求", "en": "Withdraw the question"},
    "opinion_without": {
        "zh": "意见尚未反馈：说明为何不等待即作决定",
        "en": "Opinions are open: why it is decided without them",
    },
}
