"""Operations on messages of authors who were shut out, which wait for an administrator."""

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import MessageKey
from lanchat_server.admin.context import AdminContext
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.model import QuarantinedMessage
from lanchat_server.core.sequencing.sequencer import Verdict


async def list_quarantine(context: AdminContext, request: wire.ListQuarantine) -> wire.QuarantineList:
    """All of them, in the order in which they came."""
    found = await context.host.quarantined()
    context.check()
    return wire.QuarantineList(*listed(found, _place, _view, request.after))


def _place(message: QuarantinedMessage) -> bytes:
    """What came together stands in its author's order."""
    key = message.header.key
    return place_of(message.brought_ms) + sha256(encode(key[:3]))[:16] + place_of(key.n)


def _view(message: QuarantinedMessage) -> wire.QuarantineEntry:
    header = message.header
    return wire.QuarantineEntry(
        wire.MessageName(*header.key),
        message.author,
        header.kind,
        header.ref,
        header.sent_ms,
        message.brought_by,
        message.brought_ms,
        message.message.body.decode(),
    )


async def judge_quarantined(context: AdminContext, request: wire.JudgeQuarantined) -> wire.QuarantineJudged:
    """In the order of their names, and so of each author's numbers."""
    wanted = {MessageKey(name.room, name.device, name.run, name.n) for name in request.messages}
    found = [message for message in await context.host.quarantined() if message.header.key in wanted]
    context.check()
    found.sort(key=lambda message: message.header.key)
    decided = await context.host.judge(found, Verdict.TAKE if request.take else Verdict.DROP) if found else {}
    return wire.QuarantineJudged(
        [wire.JudgedMessage(wire.MessageName(*key), *decision) for key, decision in sorted(decided.items())]
    )
