"""The words of the pages for ratings, in Chinese and English. A table, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from onenet.console.words import Words

RATING: Mapping[str, Words] = {
    "rate": {"zh": "评价", "en": "Rate it"},
    "rate_acceptance": {"zh": "评价受理环节", "en": "Rate how your application was taken in"},
    "rate_closing": {"zh": "评价办理结果", "en": "Rate how your application was dealt with"},
    "rate_level": {"zh": "您对本次服务是否满意？", "en": "How satisfied are you?"},
    "rate_tags": {"zh": "主要涉及（可多选）", "en": "What is it about? (as many as you like)"},
    "rate_text": {"zh": "您的意见（选填）", "en": "What would you like to say? (optional)"},
    "rate_named": {
        "zh": "实名评价：承办部门可以知道评价人，并就差评与您联系",
        "en": "With my name: the department may know who I am, and calls me about a bad rating",
    },
    "rate_send": {"zh": "提交评价", "en": "Send"},
    "rate_once": {
        "zh": "每个阶段只能评价一次，提交后不能修改。",
        "en": "Each stage is rated once, and what was sent cannot be changed.",
    },
    "rate_back": {"zh": "返回办件", "en": "Back to the case"},
    "rated": {"zh": "已评价，谢谢。", "en": "You have rated it. Thank you."},
    "rate_missing": {"zh": "请选择满意度", "en": "Please choose how satisfied you are"},
    "rate_missing_help": {
        "zh": "五个等级中选一个，其余可不填。",
        "en": "Choose one of the five; everything else is optional.",
    },
    "rate_not_now": {"zh": "该阶段现在不能评价", "en": "This stage cannot be rated now"},
    "rate_not_now_help": {
        "zh": "尚未到该阶段，或已经评价过。",
        "en": "The case has not come that far, or it was rated before.",
    },
}
