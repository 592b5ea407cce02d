"""The words of notes on a step, in Chinese and English. A table, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from onenet.console.words import Words

NOTES: Mapping[str, Words] = {
    "promised": {"zh": "承诺在{day}前（含当日）办结", "en": "Promised until {day}"},
    "statutory": {"zh": "法定时限至{day}", "en": "The time that the law allows ends on {day}"},
    "provisional": {
        "zh": "（国务院公布节假日安排后可能调整）",
        "en": "(may still move, when the holidays of that year are published)",
    },
    "extended_promised": {"zh": "承诺时限已经批准延长", "en": "The promised limit was lengthened"},
    "extended_statutory": {"zh": "法定时限已经批准延长", "en": "The statutory limit was lengthened"},
    "material": {
        "zh": "容缺受理：“{thing}”须在{day}前（含当日）补交",
        "en": "“{thing}” is still to follow, until {day}",
    },
    "signed": {"zh": "已签署告知承诺", "en": "A commitment is signed"},
    "to_check": {
        "zh": "以告知承诺办结，{day}前核查是否履行",
        "en": "Granted on a commitment; until {day} it is looked at whether it is kept",
    },
    "broken": {
        "zh": "承诺未履行，须在{day}前（含当日）整改",
        "en": "The commitment is not kept; it is to be repaired until {day}",
    },
    "hearing_told": {
        "zh": "已告知听证权利，{day}前（含当日）可以申请",
        "en": "A hearing can be asked for until {day}",
    },
    "hearing_asked": {"zh": "已申请听证，待确定时间", "en": "A hearing was asked for; its day is to be set"},
    "hearing_set": {"zh": "听证定于{day}举行", "en": "The hearing is held on {day}"},
    "hearing_held": {"zh": "听证已举行，笔录在案", "en": "The hearing was held; its minutes are recorded"},
    "hearing_waived": {"zh": "已放弃听证", "en": "There will be no hearing: it was waived"},
    "hearing_lapsed": {"zh": "逾期未申请听证", "en": "There will be no hearing: nobody asked in time"},
    "reapplied": {"zh": "已另行重新申请", "en": "It is applied for again in another case"},
}
"""By what goes on. Places: `day`, `thing`. Nobody is addressed, as applicants and clerks read them."""

TO_DO: Mapping[str, Words] = {
    "material": {
        "zh": "请在{day}前（含当日）补交“{step}”的容缺材料：{thing}",
        "en": "“{step}” still needs until {day}: {thing}",
    },
    "broken": {
        "zh": "请在{day}前（含当日）整改“{step}”中未履行的承诺",
        "en": "Repair until {day} what you committed yourself to for “{step}”",
    },
    "hearing_told": {
        "zh": "“{step}”：您可以在{day}前（含当日）申请听证，也可以放弃",
        "en": "“{step}”: you can ask for a hearing until {day}, or do without it",
    },
    "reapply": {
        "zh": "“{step}”未通过：符合条件后可以单独重新申请",
        "en": "“{step}” was not granted: it can be applied for again alone",
    },
}
"""What the applicant can do because of it. Places: those, and `step`."""
