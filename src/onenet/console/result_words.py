"""The words of what was issued and whether it stands, in Chinese and English. A table, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from onenet.console.words import Words

RESULTS: Mapping[str, Words] = {
    "verify": {"zh": "证照核验", "en": "See whether a result still stands"},
    "result_number": {"zh": "证照编号", "en": "Number of the result"},
    "verification_code": {"zh": "核验码", "en": "Verification code"},
    "verification_hint": {
        "zh": "16位，由持证人提供；不区分大小写，短横线可省略。",
        "en": "16 characters, from its holder; in capital or small letters, with or without strokes.",
    },
    "verify_now": {"zh": "核验", "en": "Check"},
    "no_result": {"zh": "未找到此证照", "en": "There is no such result"},
    "no_result_help": {
        "zh": "证照编号或核验码不正确。请向持证人核对。",
        "en": "The number or the code is not right. Compare them with what its holder told you.",
    },
    "result_name": {"zh": "名称", "en": "Name"},
    "result_issuer": {"zh": "颁发机关", "en": "Issued by"},
    "valid_from": {"zh": "有效期自", "en": "Holds from"},
    "valid_until": {"zh": "有效期至", "en": "Holds until"},
    "stands_issued": {"zh": "有效", "en": "It stands"},
    "stands_expired": {"zh": "已过有效期", "en": "It has expired"},
    "stands_recalled": {"zh": "已撤回", "en": "It was recalled"},
    "stands_revoked": {"zh": "已撤销", "en": "It was revoked"},
    "stands_since": {"zh": "自此日起", "en": "Since"},
    "with_code": {"zh": "{result}（核验码 {code}）", "en": "{result} (verification code {code})"},
    "not_standing": {"zh": "{result}（{state}）", "en": "{result} ({state})"},
}
