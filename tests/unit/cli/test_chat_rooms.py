"""`lanchat chat` as a way through all rooms: what is unread, going to another room, searching."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.app import api
from tests.support.fake_client import DIRECT, GENERAL, KITCHEN, line, refusal, run
from tests.unit.cli.test_listen import ChatRoom

OPS = replace(GENERAL, room=5, name="ops", title="ops", unread=0)


def page(command: api.LoadLinesCommand) -> list[api.Line]:
    """Each room has one message."""
    return [] if command.before else [line(3, f"said in {command.room}", room=command.room, id=f"r{command.room}")]


def chat(monkeypatch: pytest.MonkeyPatch, typed: str, **answers: Any) -> ChatRoom:
    rooms = {"general": GENERAL, "ops": OPS, "@boris": DIRECT, "kitchen": KITCHEN}
    return ChatRoom(
        monkeypatch,
        typed,
        **{
            "LoadLines": page,
            "ListRooms": [OPS, GENERAL, replace(DIRECT, unread=4), KITCHEN],
            "FindRoom": lambda command: rooms.get(command.name) or refusal(api.ErrorKind.INVALID, "no such room"),
            **answers,
        },
    )


def test_rooms_are_listed_with_what_is_unread(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chat_room = chat(monkeypatch, "/rooms\n")
    assert run(chat_room.client, "chat", "general") == 0
    said = capsys.readouterr().err.splitlines()
    assert [item[:9] for item in said[-3:]] == ["  @boris ", "* general", "  ops  pu"]
    assert "4 unread" in said[-3]
    assert not any("kitchen" in item for item in said)


def test_only_rooms_with_something_unread(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(chat(monkeypatch, "/unread\n").client, "chat", "general") == 0
    assert capsys.readouterr().err.splitlines()[-1].startswith("  @boris ")
    assert run(chat(monkeypatch, "/unread\n", ListRooms=[GENERAL]).client, "chat", "general") == 0
    assert capsys.readouterr().err.splitlines()[-1] == "Nothing is unread"


def test_another_room_begins_with_its_history_and_takes_what_is_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lanchat.cli.commands.chat.has_terminal", lambda: True)
    chat_room = chat(monkeypatch, "one\n/room ops\n/room nowhere\n/room kitchen\n/room\n/reply 3 two\n")
    assert run(chat_room.client, "chat", "general") == 0
    sent = [(command.room, command.text, command.reply_to) for command in chat_room.client.commands(api.SendCommand)]
    assert sent == [(7, "one", 0), (5, "two", 3)]
    captured = capsys.readouterr()
    assert [item.partition(": ")[2] for item in captured.out.splitlines()][:3] == ["said in 7", "one", "said in 5"]
    assert "You are in ops. /help lists the commands" in captured.err
    assert "Type it like this: /room ROOM" in captured.err
    assert "You are not in kitchen" in captured.err


@pytest.mark.parametrize(("name", "code"), [("nowhere", 1), ("kitchen", 4)])
def test_script_does_not_write_into_another_room_than_it_named(
    monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    chat_room = chat(monkeypatch, f"/room {name}\nsecret\n")
    assert run(chat_room.client, "chat", "general") == code
    assert chat_room.client.commands(api.SendCommand) == []


def test_nothing_that_comes_while_the_room_changes_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def slow_page(command: api.LoadLinesCommand) -> list[api.Line]:
        lines = page(command)
        if command.room == 5 and lines:
            for seq in (3, 4):  # 3 is in the history as well
                chat_room.client._on_event(api.LineAdded(line(seq, f"new {seq}", room=5, id=f"n{seq}"), live=True))
            await asyncio.sleep(0.02)
        return lines

    chat_room = chat(monkeypatch, "/room ops\n/who\n", LoadLines=slow_page, ListMembers=[])
    assert run(chat_room.client, "chat", "general") == 0
    said = [item.partition(": ")[2] for item in capsys.readouterr().out.splitlines()]
    assert said == ["said in 7", "said in 5", "new 4"]


def test_new_messages_elsewhere_are_told_once_until_they_are_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def members(command: api.ListMembersCommand) -> list[api.Person]:
        for unread in (1, 2, 0, 3):
            chat_room.client._on_event(api.RoomUpdated(replace(OPS, unread=unread)))
        chat_room.client._on_event(api.RoomUpdated(replace(GENERAL, unread=9)))
        chat_room.client._on_event(api.RoomUpdated(replace(KITCHEN, unread=9)))
        await asyncio.sleep(0.02)
        return []

    chat_room = chat(monkeypatch, "/who\n", ListMembers=members)
    assert run(chat_room.client, "chat", "general") == 0
    told = [item for item in capsys.readouterr().err.splitlines() if "new message" in item]
    assert told == ["1 new message in ops", "3 new messages in ops"]


def test_search_prints_what_was_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = [line(9, "two lunches"), line(2, "one lunch")]
    chat_room = chat(monkeypatch, "/search lunch\n", Search=found)
    assert run(chat_room.client, "chat", "general") == 0
    assert chat_room.client.commands(api.SearchCommand)[0].room == 7
    said = capsys.readouterr().err.splitlines()
    assert [item.partition("#")[2] for item in said[-2:]] == ["2 boris: one lunch", "9 boris: two lunches"]
    assert run(chat(monkeypatch, "/search x\n/search\n", Search=[]).client, "chat", "general") == 0
    assert capsys.readouterr().err.splitlines()[-2:] == ["Nothing was found"] * 2


def test_messages_on_a_screen_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal in (True, False):
        monkeypatch.setattr("lanchat.cli.commands.chat.has_terminal", lambda terminal=terminal: terminal)
        chat_room = chat(monkeypatch, "/room ops\n/who\n", ListMembers=[])
        assert run(chat_room.client, "chat", "general") == 0
        marks = [(mark.room, mark.seq) for mark in chat_room.client.commands(api.MarkReadCommand)]
        assert marks == ([(7, 3), (5, 3)] if terminal else [])
