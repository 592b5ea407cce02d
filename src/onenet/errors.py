"""The tree of errors: each class carries its HTTP status and its stable code; its docstring is its title.

Raise the narrowest class; `detail` says the particular. Never put a submitted value or personal data in one.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar

MOST_PLACES = 12


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an input, in words for both languages (api.md section 5).

    Exactly one of `pointer` (a JSON Pointer into the body), `parameter` and `header` says where.
    """

    code: str
    message_zh: str
    message_en: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None


class OnenetError(Exception):
    """An error that onenet answers with."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title_zh: ClassVar[str] = "内部错误"
    registered_type: ClassVar[str | None] = None
    """The address of a type that somebody else has registered, where ours would only repeat it."""

    def __init__(
        self,
        detail: str = "",
        *,
        faults: tuple[Fault, ...] = (),
        retry_after_s: int | None = None,
        policies: tuple[str, ...] = (),
    ):
        """`detail`: the particular, for people. `faults`: 20 are shown. `policies`: quotas used up."""
        super().__init__(detail or (type(self).__doc__ or ""))
        self.detail = detail
        self.faults = faults
        self.retry_after_s = retry_after_s
        self.policies = policies

    def __init_subclass__(cls, *, status: int | None = None, code: str | None = None, zh: str | None = None):
        """Class keywords state what an error answers with; what is left out is inherited."""
        cls.status = status if status is not None else cls.status
        cls.code = code if code is not None else cls.code
        cls.title_zh = zh if zh is not None else cls.title_zh


class InvalidInput(OnenetError, status=400, code="validation", zh="请求与其说明不符"):
    """The request does not match its description."""


class MalformedJson(InvalidInput, code="malformed-json", zh="请求体不是合格的 JSON"):
    """The body is not well-formed JSON."""


class UnknownParameter(InvalidInput, code="unknown-parameter", zh="未知的查询参数"):
    """A query parameter is not known here."""


class BadCursor(InvalidInput, code="bad-cursor", zh="分页游标无效"):
    """The cursor is not one that this list gave out."""


class IdempotencyKeyMissing(InvalidInput, code="idempotency-key-missing", zh="缺少 Idempotency-Key"):
    """This operation needs an Idempotency-Key header."""


class IdempotencyKeyInvalid(InvalidInput, code="idempotency-key-invalid", zh="Idempotency-Key 格式不正确"):
    """The Idempotency-Key header is not well formed."""


class MalformedRequest(InvalidInput, code="malformed-request", zh="不是合格的 HTTP 请求"):
    """The request is not well-formed HTTP."""


class DocumentRefused(InvalidInput, code="document-refused", zh="文件未通过检查"):
    """The file did not pass the checks."""


class Unauthenticated(OnenetError, status=401, code="unauthenticated", zh="未认证"):
    """The caller is not known: a valid key or signature is needed."""


class Forbidden(OnenetError, status=403, code="forbidden", zh="无权使用此接口"):
    """This route is not for callers of this kind."""


class NotFound(OnenetError, status=404, code="not-found", zh="未找到"):
    """There is no such object here."""


class MethodNotAllowed(OnenetError, status=405, code="method-not-allowed", zh="不支持的方法"):
    """This method is not served here."""


class NotAcceptable(OnenetError, status=406, code="not-acceptable", zh="无法提供所要求的格式"):
    """No representation that the caller accepts is served here."""


class RequestTimeout(OnenetError, status=408, code="request-timeout", zh="请求未及时到达"):
    """The request did not arrive in time."""


class PayloadTooLarge(OnenetError, status=413, code="payload-too-large", zh="请求体过大"):
    """The body is larger than this route takes."""


class UnsupportedMediaType(OnenetError, status=415, code="unsupported-media-type", zh="不支持的内容类型"):
    """The body is of a type that is not taken here."""


class Conflict(OnenetError, status=409, code="state-conflict", zh="与当前状态冲突"):
    """The present state does not allow this."""


class UnknownReference(Conflict, code="unknown-reference", zh="引用的对象不存在"):
    """The body names something that does not exist."""


class ConsentMissing(Conflict, code="consent-missing", zh="须先取得本人同意"):
    """This is done only where the person concerned has consented."""


class MaterialExpired(Conflict, code="material-expired", zh="材料已过有效期"):
    """A document of an earlier case is too old to be used again."""


class SourceUnknown(Conflict, code="source-unknown", zh="该材料没有可核验的来源"):
    """No source of certificates is asked about this material."""


class EvidenceExpired(Conflict, code="evidence-expired", zh="核验凭据已过期"):
    """What a source confirmed is too old to be used."""


class EvidenceDiffers(Conflict, code="evidence-differs", zh="申请内容与核验时不一致"):
    """The application does not say what a source confirmed."""


class FormInvalid(Conflict, code="form-invalid", zh="表单不符合该“一件事”的要求"):
    """The form does not satisfy the published bundle."""


class FormsDiffer(Conflict, code="forms-differ", zh="所确认的表单已有变化"):
    """The generated forms are not the ones that the applicant confirmed."""


class AlreadyRated(Conflict, code="already-rated", zh="该阶段已评价，每个阶段只评一次"):
    """This stage of the case was rated before: each is rated once."""


class CaseErased(Conflict, code="case-erased", zh="办件所述内容已删除"):
    """What was said in the case has been erased: nothing is added to it, and nothing made of it."""


class StageNotReached(Conflict, code="stage-not-reached", zh="办件尚未到该阶段，还不能评价"):
    """The case has not come to this stage yet: it cannot be rated."""


class ReturnTooLate(Conflict, code="return-too-late", zh="已超过退单期限"):
    """A ticket is returned within the hours that the place allows; now it is the unit's to answer."""


class UnitNamed(Conflict, code="unit-named", zh="热线已指定承办单位，不得再退单"):
    """The duty was disputed and the hotline has named this unit: it cannot return the ticket any more."""


class TicketKnown(Conflict, code="ticket-known", zh="该热线工单编号已用于内容不同的工单"):
    """The hotline's number was used for another ticket: one number is one ticket."""


class DateNotPossible(Conflict, code="date-not-possible", zh="日期不可用"):
    """This date is not possible here."""


class CallbackConflict(Conflict, code="callback-conflict", zh="同一消息编号的内容不一致"):
    """This message id was already used with another body."""


class DocumentQuota(Conflict, code="document-quota", zh="文件数量或大小超出上限"):
    """There are more documents, or larger ones, than there may be."""


class MandateInvalid(Conflict, code="mandate-invalid", zh="授权委托无效"):
    """The mandate does not hold now, or not for this."""


class PresenceNeeded(Conflict, code="presence-needed", zh="须本人到场办理"):
    """An item needs the applicant's presence: nobody can apply for it in somebody's place."""


class DraftQuota(Conflict, code="draft-quota", zh="草稿数量超出上限"):
    """There are as many drafts of this owner as there may be."""


class DraftSent(Conflict, code="draft-sent", zh="草稿已提交"):
    """This draft was sent in, or is just being sent in: it cannot be changed any more."""


class IllegalMove(Conflict, zh="不允许的状态变更"):
    """This change of state is not allowed."""


class NoLimitRunning(Conflict, code="no-limit-running", zh="没有正在计算的期限"):
    """No such limit runs here now."""


class ExtensionRepeated(Conflict, code="extension-repeated", zh="期限只能延长一次"):
    """A limit is extended only once, and this one was."""


class LimitUsedUp(Conflict, code="limit-used-up", zh="期限已届满"):
    """The limit is used up: it can be extended only before."""


class ExtensionTooLong(Conflict, code="extension-too-long", zh="延长的期限超出规定"):
    """The extension is longer than the rule allows."""


class MoveRefused(Conflict):
    """The case or the step is not, or not any more, as this needs it to be."""

    def __init__(self, detail: str, present: Mapping[str, object], allowed: Sequence[Mapping[str, object]]):
        """`present`: how things are now; `allowed`: what can be done, and by whom. Both are told."""
        super().__init__(detail)
        self.present = present
        self.allowed = allowed


class OutOfReach(MoveRefused, code="out-of-reach", zh="超出通办范围"):
    """This cannot be handed in so far from where it is handled."""


class HearingAhead(MoveRefused, code="hearing-ahead", zh="听证尚未举行"):
    """A hearing can still be asked for or is to be held, before which nothing is decided or resumed; or it is
    set for a day that is still to come, from which on it can be recorded.
    """


class DuplicateCase(MoveRefused, code="duplicate-case", zh="已有同一事项的在办办件"):
    """There is an open case of the same thing for the same applicant."""


class StaleWrite(Conflict, zh="数据已被他人更改"):
    """Another process changed this first."""


class PreconditionFailed(OnenetError, status=412, code="precondition-failed", zh="前提条件不满足"):
    """The object has changed since the version named by If-Match."""


class PreconditionRequired(OnenetError, status=428, code="precondition-required", zh="缺少 If-Match"):
    """This change needs an If-Match header."""


class QuotaExceeded(OnenetError, status=429, code="quota-exceeded", zh="超出访问配额"):
    """The quota for such requests is used up for now."""

    registered_type = "https://iana.org/assignments/http-problem-types#quota-exceeded"


class HeadTooLarge(OnenetError, status=431, code="head-too-large", zh="请求头过大"):
    """The head of the request is larger than 64 kB, or has more than 100 fields."""


class IdempotencyKeyReused(
    OnenetError, status=422, code="idempotency-key-reused", zh="Idempotency-Key 已用于其他请求"
):
    """This Idempotency-Key was already used with another request."""


class Unavailable(OnenetError, status=503, code="unavailable", zh="服务暂不可用"):
    """The service cannot do this now; try again under the same Idempotency-Key."""


class NumbersExhausted(Unavailable, zh="当日办件编号已用完"):
    """No case number is left today for this template."""


class MisconfiguredError(OnenetError, zh="配置不正确"):
    """The configuration does not allow this; the detail says what to change."""


def places(trace: TracebackType | None) -> list[str]:
    """Where an error came by, of libraries only the last place: for logs, which its message is not for."""
    frames = traceback.extract_tb(trace)
    told = [frame for frame in frames[:-1] if "site-packages" not in frame.filename] + frames[-1:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in told[-MOST_PLACES:]]


def without_words(
    exc_info: tuple[type[BaseException], BaseException, TracebackType | None],
) -> str:
    """An error as logs may have it, with what led to it: classes and places.

    A database's message repeats the row that it refused, a parser's the text that it could not read.
    """
    return "\n".join(
        f"{type(error).__module__}.{type(error).__qualname__}\n  " + "\n  ".join(places(error.__traceback__))
        for error in _chain(exc_info[1])
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
