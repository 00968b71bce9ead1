"""`listen` and `chat` against a scripted network: history, then the live event, then each event once."""

import asyncio
import io
import sys
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from lanchat.app import api
from lanchat.protocol.codes import Code
from tests.support.fake_client import ANNA, BORIS, FakeClient, fake, line, refusal, rows, run
from tests.support.problem_details import details_of

LIVE = api.RoomLive(7, 3)
BOTH = {1: ANNA, 2: BORIS}


def added(seq: int | None, text: str = "hello", **changes: Any) -> api.LineAdded:
    return api.LineAdded(line(seq, text, **changes), live=True)


def state(kind: api.LinkState, peers: int = 0, reason: str = "") -> api.StateChanged:
    return api.StateChanged(kind, details_of(reason) if reason else None, peers)


def listening(
    history: Iterable[int], early: Iterable[api.Event] = (), late: Iterable[api.Event] = (), **answers: Any
) -> FakeClient:
    """A client whose room has this history; `early` events come before the history is read, `late` ones after."""
    lines = [line(seq) for seq in history]
    return fake({api.LoadLinesCommand: lines}, {api.WaitLiveCommand: tuple(early), api.LoadLinesCommand: tuple(late)})


def printed_events(client: FakeClient, capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    """The events that `listen --for 0.2` prints."""
    assert run(client, "listen", "general", "--json", "--for", "0.2", *argv) == 0
    return rows(capsys.readouterr().out)


def brief(events: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [(event["event"], event.get("seq", event.get("head", event.get("state")))) for event in events]


def test_prints_history_then_live_then_new_messages(capsys: pytest.CaptureFixture[str]) -> None:
    events = printed_events(listening([1, 2, 3], [LIVE], [added(4)]), capsys)
    assert brief(events) == [("message", 1), ("message", 2), ("message", 3), ("live", 3), ("message", 4)]
    assert events[3] == {"event": "live", "room": "general", "head": 3}
    assert events[4] == {
        "event": "message",
        "room": "general",
        "seq": 4,
        "id": "id4",
        "author": "boris",
        "text": "hello",
        "sent_at": "2023-11-14T22:13:20.123Z",
        "stored_at": "2023-11-14T22:13:21.000Z",
        "stored": True,
    }


def test_messages_in_the_history_are_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    early = [added(2), added(3), LIVE, added(4)]
    events = printed_events(listening([1, 2, 3, 4], early, [added(5)]), capsys)
    assert brief(events) == [("message", n) for n in (1, 2, 3, 4)] + [("live", 4), ("message", 5)]


def test_without_history_the_live_event_is_first(capsys: pytest.CaptureFixture[str]) -> None:
    client = listening([], [added(2), added(3), LIVE], [])
    client_events = printed_events(client, capsys, "--history", "0")
    assert brief(client_events) == [("live", 3)]
    assert not client.commands(api.LoadLinesCommand)


def test_events_of_other_rooms_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    other = [added(4, room=9), api.RoomLive(9, 77), api.RoomRemoved(9), api.LineStored("x", 9, 5)]
    assert brief(printed_events(listening([], other), capsys)) == []


def test_each_state_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    early = [
        state(api.LinkState.CONNECTING),
        state(api.LinkState.AUTHENTICATING),
        state(api.LinkState.SYNCING),
        LIVE,
        state(api.LinkState.LIVE),
    ]
    late = [
        state(api.LinkState.LIVE, reason="still"),
        state(api.LinkState.AWAY, 2),
        state(api.LinkState.AWAY, 3),
    ]
    events = [event for event in printed_events(listening([], early, late), capsys) if event["event"] == "state"]
    assert [(event["state"], event["peers"]) for event in events] == [
        ("connecting", 0),
        ("syncing", 0),
        ("live", 0),
        ("away", 2),
        ("away", 3),
    ]
    assert set(events[0]) == {"event", "state", "peers"}


@pytest.mark.parametrize(
    "settled",
    [
        [api.LineStored("idwait", 7, 4), added(4, id="idwait")],
        [added(4, id="idwait"), api.LineStored("idwait", 7, 4)],
        [added(4, id="idwait")],
        [api.LineStored("idwait", 7, 4)],
    ],
)
def test_pending_message_is_printed_then_stored(settled: list[api.Event], capsys: pytest.CaptureFixture[str]) -> None:
    pending = added(None, "wait")
    events = printed_events(listening([], [LIVE], [pending, pending, *settled, added(5)]), capsys)
    assert brief(events) == [("live", 3), ("message", None), ("stored", 4), ("message", 5)]
    assert events[1]["stored"] is False
    assert events[2] == {"event": "stored", "room": "general", "id": "idwait", "seq": 4}


def test_pending_message_in_the_history_is_reported_when_stored(capsys: pytest.CaptureFixture[str]) -> None:
    client = fake(
        {api.LoadLinesCommand: [line(3), line(None, "wait")]},
        {
            api.WaitLiveCommand: [LIVE],
            api.LoadLinesCommand: [api.LineStored("idwait", 7, 4), api.LineStored("idelse", 7, 5)],
        },
    )
    events = printed_events(client, capsys)
    assert brief(events) == [("message", 3), ("message", None), ("live", 3), ("stored", 4)]


def test_refused_pending_message_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    refused = api.LineRefused("idwait", 7, Code.NOT_A_MEMBER, details_of("not a member"))
    events = printed_events(listening([], [LIVE], [added(None, "wait"), refused]), capsys)
    assert events[-1] == {"event": "refused", "room": "general", "id": "idwait", "code": 100}


def test_delayed_pending_message_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    waits = [api.LineDelayed("idwait", 7, Code.DISK_FULL, details_of("full"), again) for again in (False, True)]
    events = printed_events(listening([], [LIVE], [added(None, "wait"), *waits]), capsys)
    assert events[2:] == [{"event": "waits", "room": "general", "id": "idwait", "code": 200}]


def test_edits_reactions_and_deletions_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    two = line(2)
    late = [
        api.LineChanged(two, "receipt"),
        api.LineChanged(two, "edit", 3, 2, "folded in already"),
        api.LineChanged(two, "edit", 4, 2, "better"),
        api.LineChanged(two, "reaction", 5, 1, "👍"),
        api.LineChanged(two, "reaction", 6, 1, "-👍"),
        api.LineChanged(two, "delete", 7, 2),
        added(8),
    ]
    events = printed_events(listening([1, 2, 3], [LIVE], late), capsys)[4:]
    common = {"room": "general", "target": 2}
    assert events[:-1] == [
        common | {"event": "edit", "seq": 4, "author": "boris", "text": "better"},
        common | {"event": "reaction", "seq": 5, "author": "anna", "emoji": "👍", "removed": False},
        common | {"event": "reaction", "seq": 6, "author": "anna", "emoji": "👍", "removed": True},
        common | {"event": "delete", "seq": 7, "author": "boris"},
    ]
    assert events[-1]["seq"] == 8


def test_pending_change_is_printed_once_then_stored(capsys: pytest.CaptureFixture[str]) -> None:
    two = line(2)
    late = [
        api.LineChanged(two, "edit", 0, 2, "better", "idedit"),
        api.LineChanged(two, "edit", 0, 2, "better", "idedit"),
        api.LineChanged(two, "reaction", 0, 2, "👍", "idreaction"),
        api.LineChanged(two, "edit", 4, 2, "better", "idedit"),
        added(5),
    ]
    events = printed_events(listening([1, 2, 3], [LIVE], late), capsys)[4:]
    common = {"room": "general", "target": 2, "author": "boris", "seq": None, "stored": False}
    assert events[:3] == [
        common | {"event": "edit", "text": "better", "id": "idedit"},
        common | {"event": "reaction", "emoji": "👍", "removed": False, "id": "idreaction"},
        {"event": "stored", "room": "general", "id": "idedit", "seq": 4},
    ]
    assert events[3]["seq"] == 5


@pytest.mark.parametrize("code", [Code.TARGET_NOT_YOURS, None])
def test_refused_pending_change_is_reported(code: Code | None, capsys: pytest.CaptureFixture[str]) -> None:
    two = line(2)
    late = [
        api.LineChanged(two, "edit", 0, 2, "better", "idedit"),
        api.LineChanged(two, "refused", 0, 2, "better", "idedit"),
        api.LineWithdrawn("idedit", 7, code, details_of("not yours") if code else None),
        api.LineWithdrawn("never shown", 7),
    ]
    events = printed_events(listening([1, 2, 3], [LIVE], late), capsys)[4:]
    assert [event["event"] for event in events] == ["edit", "refused"]
    assert events[1] == {"event": "refused", "room": "general", "id": "idedit", "code": int(code) if code else None}


def test_reply_and_edited_marks_are_printed_with_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line(1, reply_to=9), line(2, edited=True)]
    client = fake({api.LoadLinesCommand: lines})
    events = printed_events(client, capsys)
    assert (events[0]["reply_to"], "edited" in events[0]) == (9, False)
    assert (events[1]["edited"], "reply_to" in events[1]) == (True, False)


def test_new_user_is_printed_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    vera = msgspec.structs.replace(BORIS, user_id=3, name="vera")
    late = [api.PeopleChanged((vera,)), api.LineChanged(line(1), "reaction", 9, 3, "👍")]
    assert printed_events(listening([1], [LIVE], late), capsys)[-1]["author"] == "vera"


def test_count_limits_history_and_new_messages(capsys: pytest.CaptureFixture[str]) -> None:
    client = listening([1, 2, 3], [LIVE], [added(4), added(5), added(6)])
    assert run(client, "listen", "general", "--json", "--count", "5") == 0
    assert [seq for kind, seq in brief(rows(capsys.readouterr().out)) if kind == "message"] == [1, 2, 3, 4, 5]
    client = listening([1, 2, 3], [LIVE])
    assert run(client, "listen", "general", "--json", "--count", "2") == 0
    assert [seq for _kind, seq in brief(rows(capsys.readouterr().out))] == [1, 2]
    assert client.closed == 1


def test_listens_on_a_known_profile_while_disconnected(capsys: pytest.CaptureFixture[str]) -> None:
    client = fake(
        {api.ConnectCommand: refusal(api.ErrorKind.NO_SERVER), api.LoadLinesCommand: [line(1), line(2)]},
        {
            api.ConnectCommand: [state(api.LinkState.AWAY)],
            api.LoadLinesCommand: [added(None, "peer"), added(3), LIVE, added(4)],
        },
    )
    events = printed_events(client, capsys)
    assert brief(events) == [
        ("state", "away"),
        ("message", 1),
        ("message", 2),
        ("message", None),
        ("message", 3),
        ("live", 3),
        ("message", 4),
    ]


def test_removal_or_refusal_ends_listening(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(listening([], [LIVE], [api.RoomRemoved(7)]), "listen", "general") == 4
    assert "general" in capsys.readouterr().err
    out = state(api.LinkState.REFUSED, reason="the account is disabled")
    assert run(listening([], [LIVE], [out]), "listen", "general") == 4
    assert capsys.readouterr().err.splitlines()[-1] == "lanchat: the account is disabled"


def test_text_output_prints_messages_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    late = [added(2, "a\nb: c"), api.LineChanged(line(2), "edit", 3, 2, "d")]
    client = listening([1], [api.RoomLive(7, 1), state(api.LinkState.LIVE)], late)
    assert run(client, "listen", "general", "--for", "0.2") == 0
    captured = capsys.readouterr()
    assert [item.partition("#")[2] for item in captured.out.splitlines()] == [
        "1 boris: hello",
        "2 boris: a",
        "",
        "2: d",
    ]
    assert "\n    b: c\n" in captured.out
    assert captured.err.splitlines() == ["Connected", "--- live ---"]


# --- chat -------------------------------------------------------------------------------------------------------------


class ChatRoom:
    """A room in which each message is stored at once, as number 10 and up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, typed: str, **answers: Any) -> None:
        stdin = io.TextIOWrapper(io.BytesIO(typed.encode()), encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", stdin)
        self._next = 10
        self.client = fake(
            {
                api.SendCommand: self._send,
                api.LoadLinesCommand: [line(3)],
                api.WaitDecidedCommand: lambda command: self._decided(),
            }
            | {getattr(api, f"{name}Command"): answer for name, answer in answers.items()},
            {api.WaitLiveCommand: [LIVE]},
        )
        self.keep_silent = False

    async def _decided(self) -> int:
        await asyncio.sleep(0.01)
        return self._next - 1

    def _send(self, command: api.SendCommand) -> api.Line:
        seq, self._next = self._next, self._next + 1
        made = line(None, command.text, id=f"m{seq}", mine=True, author_name="anna", author=1)
        on_event = self.client._on_event
        on_event(api.LineAdded(made, live=True))
        if not self.keep_silent:
            on_event(api.LineStored(made.id, 7, seq))
            on_event(api.LineAdded(msgspec.structs.replace(made, seq=seq), live=True))
        return made


def without_time(text: str) -> list[str]:
    return [item.partition("#")[2] for item in text.splitlines()]


def test_chat_sends_typed_lines_and_prints_them_with_numbers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chat_room = ChatRoom(monkeypatch, "one\n\n//two\n/quit\nthree\n")
    assert run(chat_room.client, "chat", "general") == 0
    assert [command.text for command in chat_room.client.commands(api.SendCommand)] == ["one", "/two"]
    assert without_time(capsys.readouterr().out) == ["3 boris: hello", "10 anna: one", "11 anna: /two"]


def test_chat_commands_send_their_requests(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed = "/reply #3 yes no\n/edit 10 better\n/delete 10\n/react 3 👍\n/react 3 -👍\n/who\n/help\n/dance\n/reply x\n"
    chat_room = ChatRoom(monkeypatch, typed, Edit="e", Delete="d", React="r", ListMembers=[BORIS, ANNA])
    assert run(chat_room.client, "chat", "general") == 0
    assert chat_room.client.commands(api.SendCommand) == [api.SendCommand(7, "yes no", 3)]
    assert chat_room.client.commands(api.EditCommand) == [api.EditCommand(7, 10, "better")]
    assert chat_room.client.commands(api.DeleteCommand) == [api.DeleteCommand(7, 10)]
    assert chat_room.client.commands(api.ReactCommand) == [
        api.ReactCommand(7, 3, "👍"),
        api.ReactCommand(7, 3, "👍", remove=True),
    ]
    assert chat_room.client.commands(api.WaitDecidedCommand)[-1].id == "r"
    said = capsys.readouterr().err
    assert "anna (Anna P)  online\nboris  offline\n" in said
    assert "/quit" in said
    assert "There is no command /dance" in said
    assert "Type it like this: /reply N TEXT" in said


def test_chat_continues_after_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    chat_room = ChatRoom(monkeypatch, "/edit 3 x\nstill here\n", Edit=refusal(api.ErrorKind.INVALID, "not yours"))
    monkeypatch.setattr("lanchat.cli.commands.chat.has_terminal", lambda: True)
    assert run(chat_room.client, "chat", "general") == 0
    captured = capsys.readouterr()
    assert "not yours\n" in captured.err
    assert "still here" in captured.out


@pytest.mark.parametrize(("error_kind", "code"), [(api.ErrorKind.LOCAL, 1), (api.ErrorKind.REFUSED, 4)])
@pytest.mark.parametrize("failing", ["one", "/edit 10 better", "/delete 10", "/react 3 👍"])
def test_chat_exits_with_an_error_when_a_piped_line_failed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failing: str,
    error_kind: api.ErrorKind,
    code: int,
) -> None:
    fails = refusal(error_kind, "the disk is full")
    chat_room = ChatRoom(monkeypatch, failing + "\n/help\n", Send=fails, Edit=fails, Delete=fails, React=fails)
    assert run(chat_room.client, "chat", "general") == code
    said = capsys.readouterr().err
    assert "the disk is full\n" in said
    assert said.endswith("lanchat: Not everything could be done\n")


def test_chat_exits_with_6_when_the_last_line_is_not_stored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chat_room = ChatRoom(monkeypatch, "one\n", WaitDecided=refusal(api.ErrorKind.TIMEOUT))
    chat_room.keep_silent = True
    assert run(chat_room.client, "chat", "general", "--timeout", "1") == 6
    assert "one" not in capsys.readouterr().out


def test_chat_prints_pending_lines_on_disconnect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chat_room = ChatRoom(monkeypatch, "one\n")
    chat_room.keep_silent = True

    async def decided() -> int:
        for event in (state(api.LinkState.AWAY), api.LineStored("m10", 7, 10)):
            chat_room.client._on_event(event)
        await asyncio.sleep(0.05)
        return 10

    chat_room.client._answers[api.WaitDecidedCommand] = lambda command: decided()
    assert run(chat_room.client, "chat", "general") == 0
    captured = capsys.readouterr()
    assert "(not stored yet) anna: one" in captured.out
    assert "Stored as #10" in captured.err


def test_chat_as_json_prints_like_listen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ChatRoom(monkeypatch, "one\n").client, "chat", "general", "--json") == 0
    events = rows(capsys.readouterr().out)
    assert brief(events) == [("message", 3), ("live", 3), ("message", None), ("stored", 10)]
