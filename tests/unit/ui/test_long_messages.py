"""Long texts: sent in several messages, and folded or whole in the conversation. Without Tk."""

from lanchat.app import api
from lanchat.protocol.limits import BODY_CHARACTERS_MAX
from lanchat.ui.model.entries import MessageEntry
from tests.support.ui_desk import Workbench


def test_parts_are_sent_in_order_and_the_first_is_the_reply() -> None:
    bench = Workbench()
    bench.log_in()
    assert bench.model.timeline
    answered = bench.model.timeline.stored[-1]
    bench.chat.reply_to(answered)
    bench.model.draft.text = "one two"
    bench.chat.submit_parts(["one", "two"])
    bench.run()
    sent = bench.engine.called(api.SendCommand)
    assert [(command.text, command.reply_to) for command in sent] == [("one", answered.seq), ("two", 0)]
    assert (bench.model.draft.text, bench.model.draft.reply) == ("", None)


def test_parts_that_cannot_be_sent_leave_the_draft() -> None:
    bench = Workbench()
    bench.log_in()
    bench.model.draft.text = "kept"
    bench.chat.submit_parts(["one", "x" * (BODY_CHARACTERS_MAX + 1)])
    bench.chat.edit_last()
    bench.chat.submit_parts(["one", "two"])
    bench.run()
    assert bench.engine.called(api.SendCommand) == []
    bench.chat.cancel()
    assert bench.model.draft.text == "kept"


def test_message_stays_whole_until_another_room_is_opened() -> None:
    bench = Workbench()
    bench.log_in()
    key = next(entry.key for entry in bench.model.entries() if isinstance(entry, MessageEntry))

    def whole() -> list[str]:
        return [entry.key for entry in bench.model.entries() if isinstance(entry, MessageEntry) and entry.unfolded]

    assert whole() == []
    bench.model.fold_or_unfold(key)
    assert whole() == [key]
    bench.model.fold_or_unfold(key)
    assert whole() == []
    bench.model.fold_or_unfold(key)
    bench.model.open(2)
    assert bench.model.unfolded == set()
