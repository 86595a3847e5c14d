"""Telling a yes from a no and from a not now, by status."""

from __future__ import annotations

from datetime import datetime

from certpush.stepca import wire
from certpush.stepca.patience import CaBusy, wait_asked
from certpush.stepca.refusal import Asked
from certpush.stepca.transport import Answer

_YES = (200, 201)  # step-ca answers 201 to sign, renew, rekey, and to roots and intermediates as well
_NOT_NOW = (429, 502, 503, 504)


def accepted(answer: Answer, asked: Asked, now: datetime) -> Answer:
    """Give the answer back when it is a yes.

    Raises:
        CaBusy: the CA, or a proxy before it, cannot answer just now.
        CaRefusal: it is a no, explained.

    """
    if answer.status in _YES:
        return answer
    if answer.status in _NOT_NOW:
        raise CaBusy(
            f"{asked.what}: the CA cannot answer just now ({answer.status}, request-id={answer.request_id})",
            wait=wait_asked(answer.retry_after, now),
            hint="try again later; is the CA well, and the proxy before it?",
        )
    from certpush.stepca.refusals import explain

    raise explain(answer.status, wire.read_error(answer.body), answer.request_id, asked)
