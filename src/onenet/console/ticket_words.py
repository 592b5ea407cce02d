"""The words of hotline tickets on the page of a case, in Chinese and English. Tables, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from onenet.console.words import Words
from onenet.domain.tickets import TicketState

_S = TicketState

TICKET_STATES: Mapping[TicketState, Words] = {
    _S.RECEIVED: {"zh": "已登记，待派发", "en": "Taken down, to be given to a unit"},
    _S.DISPATCHED: {"zh": "承办单位办理中", "en": "With the unit"},
    _S.RETURNED: {"zh": "正在重新确定承办单位", "en": "To be given to another unit"},
    _S.ANSWERED: {"zh": "承办单位已办理，待热线审核", "en": "The unit is done; the hotline looks at it"},
    _S.CLOSED: {"zh": "已答复，待回访", "en": "Answered; you will be called back"},
    _S.SOLVED: {"zh": "已解决", "en": "Solved"},
    _S.UNSOLVED: {"zh": "未解决", "en": "Not solved"},
    _S.ENDED: {"zh": "已终结", "en": "Ended"},
    _S.WITHDRAWN: {"zh": "已撤回", "en": "Taken back"},
}

TICKET: Mapping[str, Words] = {
    "rounds": {"zh": "办理过程", "en": "How it is handled"},
    "round": {"zh": "第{number}轮", "en": "Round {number}"},
    "due": {"zh": "应在{day}前（含当日）答复", "en": "To be answered until {day}"},
    "answer": {"zh": "答复：{answer}", "en": "The answer: {answer}"},
}
"""Everything else. Places: `number`, `day`, `answer`."""

CALLED_BACK: Mapping[tuple[bool, bool], Words] = {
    (True, True): {"zh": "{day}回访：已解决，满意", "en": "Called back on {day}: solved, satisfied"},
    (True, False): {"zh": "{day}回访：已解决，不满意", "en": "Called back on {day}: solved, not satisfied"},
    (False, True): {"zh": "{day}回访：未解决，满意", "en": "Called back on {day}: not solved, satisfied"},
    (False, False): {
        "zh": "{day}回访：未解决，不满意",
        "en": "Called back on {day}: not solved, not satisfied",
    },
}
"""By whether it is solved, and whether the citizen is satisfied."""
