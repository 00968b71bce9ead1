"""From what a request comes to, to the frame that answers it: over TLS and over the local port alike."""

import logging
from collections.abc import Awaitable

from lanchat.protocol.codes import Code
from lanchat.protocol.wire import Failure, FrameTooLong, Request, Response, Result, pack_frame
from lanchat_server.core.ports import StoreError
from lanchat_server.core.refusals import Refused

# Of a Failure: the characters that its text may have.
TEXT_MAX = 256

log = logging.getLogger(__name__)


async def answered(request: Request, work: Awaitable[Result], *, says_why: bool = False) -> Response | Failure:
    """The result of `work`, or why there is none. `says_why`: what is wrong with the database or a file is told too,
    to whoever uses the server's computer."""
    try:
        return Response(request.id, await work)
    except Refused as refused:
        return Failure(request.id, refused.code, refused.text[:TEXT_MAX], round(refused.retry * 1000))
    except StoreError as error:
        log.warning("a request could not be stored: %s", error)
        text = str(error)[:TEXT_MAX] if says_why else "the database is away"
        return Failure(request.id, Code.UNAVAILABLE, text, 0 if says_why else 1000)
    except Exception:
        log.exception("a request failed: %s", type(request.operation).__name__)
        return Failure(request.id, Code.UNAVAILABLE, "internal error", 1000)


def packed(answer: Response | Failure) -> bytes:
    """Nobody loses the connection over an answer that does not fit a frame; it is a fault all the same."""
    try:
        return pack_frame(answer)
    except FrameTooLong as error:
        log.error("an answer does not fit: %s", error)
        return pack_frame(Failure(answer.id, Code.UNAVAILABLE, "the answer is too long"))
