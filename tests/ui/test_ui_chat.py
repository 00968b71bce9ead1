"""The main page's model and commands with a fake engine."""

import concurrent.futures

import msgspec
import pytest

from lanchat.app import api
from lanchat.app.api import StateChanged, Trust
from lanchat.protocol.codes import Code, Registration, RoomKind, Setup
from lanchat.protocol.limits import BODY_CHARACTERS_MAX
from lanchat.ui.kit.fields.forms import NewAccount
from lanchat.ui.lists.roster import RoomRowKey, joinable_rows, people_rows, room_rows
from lanchat.ui.model.chat_model import ScrollTarget
from lanchat.ui.model.entries import UnreadMarkEntry, UnsentEntry
from lanchat.ui.model.entry_model import LaunchOptions, WindowPage
from lanchat.ui.model.parts import WindowPart
from tests.support.problem_details import details_of
from tests.support.ui_desk import Workbench


@pytest.fixture
def workbench() -> Workbench:
    made = Workbench(lines=300)
    made.log_in()
    return made


def timeline(workbench: Workbench):  # type: ignore[no-untyped-def]
    assert workbench.model.timeline
    return workbench.model.timeline


# Opening


def test_opens_general_at_its_end(workbench: Workbench) -> None:
    assert workbench.model.room
    assert workbench.model.room.name == "general"
    assert timeline(workbench).last == 300
    assert timeline(workbench).at_bottom
    assert workbench.model.online_members() == 5  # four others and oneself


def test_opens_the_last_room() -> None:
    workbench = Workbench()
    workbench.chat.want_room(4)
    workbench.log_in()
    assert workbench.model.current == 4


def test_opens_the_last_room_when_it_becomes_known_later() -> None:
    workbench = Workbench()
    workbench.chat.want_room(4)
    rooms = workbench.engine.world.rooms
    late = rooms.pop(4)
    workbench.chat.refresh()
    workbench.run()
    assert workbench.model.room
    assert workbench.model.room.name == "general"
    rooms[4] = late
    workbench.engine.emit(api.RoomUpdated(late))
    workbench.run()
    assert workbench.model.current == 4
    workbench.chat.open_room(2)
    workbench.engine.emit(api.RoomUpdated(late))
    workbench.run()
    assert workbench.model.current == 2  # a choice is a choice


def test_text_typed_before_a_room_opens_becomes_its_draft() -> None:
    workbench = Workbench()
    workbench.model.draft.text = "quick ha"
    workbench.log_in()
    assert workbench.model.room
    assert workbench.model.draft.text == "quick ha"
    workbench.chat.open_room(2)
    workbench.run()
    assert workbench.model.draft.text == ""


def test_late_last_room_does_not_replace_a_room_with_a_draft() -> None:
    workbench = Workbench()
    workbench.chat.want_room(4)
    late = workbench.engine.world.rooms.pop(4)
    workbench.chat.refresh()
    workbench.run()
    workbench.model.draft.text = "I am writ"
    workbench.engine.world.rooms[4] = late
    workbench.engine.emit(api.RoomUpdated(late))
    workbench.run()
    assert workbench.model.current == 1


def test_unknown_last_room_opens_another_room() -> None:
    workbench = Workbench()
    workbench.chat.want_room(4711)
    workbench.log_in()
    assert workbench.model.room


def test_room_with_unread_messages_opens_at_the_first_of_them(workbench: Workbench) -> None:
    workbench.chat.open_room(3)
    workbench.run()
    assert workbench.model.jump == ScrollTarget("fresh")
    assert any(isinstance(entry, UnreadMarkEntry) for entry in workbench.model.entries())


def test_late_pages_of_another_room_are_dropped(workbench: Workbench) -> None:
    workbench.engine.held = []
    workbench.chat.open_room(2)
    late = workbench.engine.held
    workbench.engine.held = None
    workbench.chat.open_room(4)
    workbench.run()
    for command, future in late:
        workbench.engine.answer(command, future)
    workbench.run()
    assert workbench.model.current == 4
    assert timeline(workbench).room == 4
    assert {line.room for line in timeline(workbench).stored} == {4}


# Scrolling


def test_scrolling_up_loads_pages_to_the_beginning(workbench: Workbench) -> None:
    seen = set()
    for _ in range(10):
        workbench.chat.load_older()
        workbench.run()
        seen |= {line.seq for line in timeline(workbench).stored}
    assert timeline(workbench).at_top
    assert seen == set(range(1, 301))
    asked = len(workbench.engine.called(api.LoadLinesCommand))
    workbench.chat.load_older()
    assert len(workbench.engine.called(api.LoadLinesCommand)) == asked  # at the top nothing is asked


def test_loads_one_page_at_a_time(workbench: Workbench) -> None:
    workbench.engine.held = []
    for _ in range(5):
        workbench.chat.load_older()
    assert len(workbench.engine.held) == 1


def test_jumps_to_a_found_message_and_back_to_the_end() -> None:
    workbench = Workbench(lines=2000)
    workbench.log_in()
    workbench.chat.jump_to(1, 500)
    workbench.run()
    found = timeline(workbench).find(500)
    assert found
    assert workbench.model.flash == found.id
    assert workbench.model.jump == ScrollTarget(found.id)
    assert not timeline(workbench).at_bottom
    workbench.wait(3)
    assert workbench.model.flash == ""
    for _ in range(30):
        workbench.chat.load_newer()
        workbench.run()
    assert timeline(workbench).last == 2000
    workbench.chat.jump_to(1, 10)
    workbench.run()
    workbench.chat.to_end()
    workbench.run()
    assert timeline(workbench).last == 2000
    assert timeline(workbench).at_bottom


def test_jumps_into_another_room(workbench: Workbench) -> None:
    workbench.chat.jump_to(2, 2)
    workbench.run()
    assert workbench.model.current == 2
    assert timeline(workbench).find(2)


# Writing


def test_message_is_sent_and_stored(workbench: Workbench) -> None:
    workbench.model.draft.text = "  hello  "
    assert workbench.chat.submit("  hello  ")
    workbench.run()
    assert workbench.texts()[-1] == "hello"
    assert timeline(workbench).stored[-1].seq == 301
    assert not timeline(workbench).unstored
    assert workbench.model.draft.text == ""


@pytest.mark.parametrize("text", ["", "   \n ", "x" * (BODY_CHARACTERS_MAX + 1), "ж" * 4000 + "x"])
def test_unsendable_text_stays_in_the_draft(workbench: Workbench, text: str) -> None:
    workbench.model.draft.text = text
    assert not workbench.chat.submit(text)
    assert workbench.model.draft.text == text
    assert workbench.engine.called(api.SendCommand) == []


def test_the_longest_text_can_be_sent(workbench: Workbench) -> None:
    assert workbench.chat.too_long("ж" * BODY_CHARACTERS_MAX) == ""
    assert "4001" in workbench.chat.too_long("x" * (BODY_CHARACTERS_MAX + 1))


def test_text_that_could_not_be_queued_returns_to_the_draft(workbench: Workbench) -> None:
    workbench.engine.held = []
    workbench.chat.submit("precious")
    workbench.model.draft.text = "typed meanwhile"
    ((_command, future),) = workbench.engine.held
    workbench.engine.held = None
    future.set_exception(api.CommandError(api.ErrorKind.LOCAL, details_of("The disk is full")))
    assert WindowPart.DRAFT | WindowPart.NOTICE in workbench.run()
    assert workbench.model.draft.text == "precious\ntyped meanwhile"
    assert workbench.model.notices == ["The disk is full"]


def test_unexpected_error_is_shown_and_logged(workbench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    workbench.engine.held = []
    workbench.chat.submit("precious")
    ((_command, future),) = workbench.engine.held
    future.set_exception(ZeroDivisionError())
    workbench.run()
    assert workbench.model.draft.text == "precious"
    assert workbench.model.notices
    assert "ZeroDivisionError" in caplog.text


def test_cancelled_command_is_no_error(workbench: Workbench) -> None:
    workbench.engine.held = []
    workbench.chat.submit("x")
    ((_command, future),) = workbench.engine.held
    assert isinstance(future, concurrent.futures.Future)
    future.cancel()
    workbench.run()
    assert workbench.model.notices == []


def test_each_room_keeps_its_draft(workbench: Workbench) -> None:
    workbench.model.draft.text = "half a thought"
    workbench.chat.open_room(2)
    workbench.run()
    assert workbench.model.draft.text == ""
    (row,) = [row for row in room_rows(workbench.model, "") if row.key == RoomRowKey(1)]
    assert row.subtitle == "Draft: half a thought"
    workbench.chat.open_room(1)
    assert workbench.model.draft.text == "half a thought"


def test_heading_appears_above_messages_unstored_for_seconds(workbench: Workbench) -> None:
    workbench.chat.submit("!hold")
    workbench.run()
    workbench.chat.submit("waiting")
    workbench.run()
    line = timeline(workbench).unstored[0]
    timeline(workbench).unstored[0] = msgspec.structs.replace(line, sent_at=workbench.now)
    assert not any(isinstance(entry, UnsentEntry) for entry in workbench.model.entries())
    assert WindowPart.LINES in workbench.wait(3)
    assert any(isinstance(entry, UnsentEntry) for entry in workbench.model.entries())


def test_heading_appears_for_a_later_unstored_message(workbench: Workbench) -> None:
    workbench.chat.submit("!hold")
    workbench.run()
    workbench.now += 1.5  # the look at the first line is due before the second one is old
    workbench.chat.submit("waiting")
    workbench.run()
    line = timeline(workbench).unstored[0]
    timeline(workbench).unstored[0] = msgspec.structs.replace(line, sent_at=workbench.now)
    workbench.wait(1)
    assert not any(isinstance(entry, UnsentEntry) for entry in workbench.model.entries())
    assert WindowPart.LINES in workbench.wait(3)
    assert any(isinstance(entry, UnsentEntry) for entry in workbench.model.entries())


def test_heading_appears_at_once_when_the_server_is_away(workbench: Workbench) -> None:
    workbench.chat.submit("!hold")
    workbench.run()
    workbench.chat.submit("!state away")
    workbench.run()
    assert any(isinstance(entry, UnsentEntry) for entry in workbench.model.entries())


def test_refused_message_stays_with_its_reason(workbench: Workbench) -> None:
    workbench.chat.submit("!refuse")
    workbench.run()
    workbench.chat.submit("not for you")
    workbench.run()
    (refused,) = timeline(workbench).unstored
    assert refused.refused is Code.NOT_A_MEMBER
    workbench.chat.open_room(2)
    workbench.run()


def test_submit_sends_a_reply(workbench: Workbench) -> None:
    line = timeline(workbench).stored[-1]
    workbench.chat.reply_to(line)
    workbench.chat.submit("an answer")
    workbench.run()
    assert timeline(workbench).stored[-1].reply_to == 300
    assert workbench.model.draft.reply is None


def test_reply_preview_follows_edits_and_deletion(workbench: Workbench) -> None:
    line = timeline(workbench).stored[-1]
    workbench.chat.reply_to(line)
    workbench.run()
    workbench.chat.ask(api.EditCommand(1, 300, "said better"))
    assert WindowPart.DRAFT in workbench.run()
    reply = workbench.model.draft.reply
    assert reply
    assert reply.text == "said better"
    workbench.chat.open_room(2)
    workbench.run()
    workbench.chat.ask(api.DeleteCommand(1, 300))
    assert WindowPart.DRAFT not in workbench.run()
    reply = workbench.model.drafts[1].reply
    assert reply
    assert (reply.text, reply.deleted) == ("", True)


def test_editing_restores_the_draft_afterwards(workbench: Workbench) -> None:
    workbench.chat.submit("mistaek")
    workbench.run()
    workbench.model.draft.text = "next thought"
    assert workbench.chat.edit_last()
    assert workbench.model.draft.text == "mistaek"
    assert workbench.chat.cancel()
    assert workbench.model.draft.text == "next thought"
    workbench.chat.edit_last()
    workbench.chat.submit("mistake")
    workbench.run()
    last = timeline(workbench).stored[-1]
    assert (last.text, last.edited) == ("mistake", True)
    assert workbench.model.draft.text == "next thought"
    assert workbench.model.draft.editing is None


def test_edit_without_a_change_is_not_sent(workbench: Workbench) -> None:
    workbench.chat.submit("as it is")
    workbench.run()
    workbench.chat.edit_last()
    workbench.chat.submit("as it is")
    assert workbench.engine.called(api.EditCommand) == []


def test_replying_while_editing_ends_the_edit(workbench: Workbench) -> None:
    workbench.chat.submit("mine")
    workbench.run()
    workbench.model.draft.text = "draft"
    workbench.chat.edit_last()
    workbench.chat.reply_to(timeline(workbench).stored[0])
    draft = workbench.model.draft
    assert (draft.text, draft.editing, bool(draft.reply)) == ("draft", None, True)


def test_react_adds_and_removes_a_reaction(workbench: Workbench) -> None:
    line = timeline(workbench).stored[-1]
    workbench.chat.react(line, "👍")
    workbench.run()
    assert timeline(workbench).stored[-1].reactions[0].users == (1,)
    workbench.chat.react(timeline(workbench).stored[-1], "👍")
    workbench.run()
    assert timeline(workbench).stored[-1].reactions == ()


def test_delete_marks_the_message_deleted(workbench: Workbench) -> None:
    workbench.chat.delete(timeline(workbench).stored[-1])
    workbench.run()
    assert timeline(workbench).stored[-1].deleted


def test_sending_scrolls_to_the_end() -> None:
    workbench = Workbench(lines=2000)
    workbench.log_in()
    workbench.chat.jump_to(1, 100)
    workbench.run()
    workbench.chat.submit("here I am")
    workbench.run()
    assert workbench.texts()[-1] == "here I am"
    assert timeline(workbench).at_bottom


# What others do


def test_unseen_messages_are_counted_until_seen(workbench: Workbench) -> None:
    workbench.engine.say(1, "bob", "ping")
    workbench.engine.say(2, "bob", "pong")
    workbench.run()
    assert workbench.texts()[-1] == "ping"
    assert workbench.model.missed == 1
    assert workbench.model.rooms[2].unread == 1
    before = workbench.model.unread
    workbench.chat.seen(1, 301)
    workbench.run()
    assert workbench.engine.called(api.MarkReadCommand)[-1] == api.MarkReadCommand(1, 301)
    assert workbench.model.unread == before - 1
    asked = len(workbench.engine.called(api.MarkReadCommand))
    workbench.chat.seen(1, 301)
    workbench.chat.seen(1, 299)
    assert len(workbench.engine.called(api.MarkReadCommand)) == asked


def test_seen_position_of_the_previous_room_is_ignored(workbench: Workbench) -> None:
    workbench.chat.open_room(2)
    workbench.chat.seen(1, 300)
    assert workbench.engine.called(api.MarkReadCommand) == []


def test_unread_mark_precedes_messages_without_focus(workbench: Workbench) -> None:
    workbench.model.focused = False
    workbench.engine.say(1, "bob", "ping")
    workbench.run()
    assert workbench.model.fresh_after == 300
    assert any(isinstance(entry, UnreadMarkEntry) for entry in workbench.model.entries())


def test_receipts_update_the_read_count(workbench: Workbench) -> None:
    workbench.chat.submit("did you get it?")
    workbench.run()
    workbench.chat.submit("!receipts")
    workbench.run()
    workbench.wait(1)
    line = next(line for line in timeline(workbench).stored if line.text == "did you get it?")
    assert line.read == line.members == 6


def test_removal_from_the_open_room_opens_another(workbench: Workbench) -> None:
    workbench.engine.emit(api.RoomRemoved(1))
    workbench.run()
    assert workbench.model.current not in (0, 1)


def test_room_is_reloaded_when_it_becomes_live() -> None:
    workbench = Workbench()
    workbench.log_in()
    workbench.chat.open_room(4)
    workbench.run()
    workbench.engine.say(4, "bob", "old news")
    workbench._items.clear()  # the event itself was lost: the room was not live yet
    workbench.engine.emit(api.RoomLive(4, 4))
    workbench.run()
    workbench.wait(1)
    assert workbench.texts()[-1] == "old news"


# Rooms and people


def test_rooms_are_created_left_and_joined(workbench: Workbench) -> None:
    workbench.chat.ask(api.CreateRoomCommand("secret", True), workbench.chat.enter)
    workbench.run()
    assert workbench.model.room
    assert (workbench.model.room.name, workbench.model.room.kind) == ("secret", RoomKind.PRIVATE)
    secret = workbench.model.current
    workbench.chat.leave(secret)
    workbench.run()
    assert workbench.model.current != secret
    assert [row.title for row in joinable_rows(workbench.model)] == ["secret"]
    workbench.chat.join(secret)
    workbench.run()
    assert workbench.model.current == secret


def test_direct_conversation_is_created_once(workbench: Workbench) -> None:
    for _ in range(2):
        workbench.chat.open_direct("anna")
        workbench.run()
    assert len([room for room in workbench.model.rooms.values() if room.kind is RoomKind.DIRECT]) == 1
    assert workbench.model.room
    assert workbench.model.room.title == "Анна Смирнова"


def test_command_error_is_shown_as_a_notice(workbench: Workbench) -> None:
    workbench.chat.open_direct("nobody")
    assert WindowPart.NOTICE in workbench.run()
    assert workbench.model.notices == ["There is nobody called nobody"]


def test_search_field_finds_rooms_and_people(workbench: Workbench) -> None:
    def titles(wanted: str) -> list[str]:
        return [row.title for row in room_rows(workbench.model, wanted)]

    assert sorted(titles("")) == ["general", "ops", "random", "разработка"]
    assert titles("РАЗ") == ["Rooms", "разработка"]
    assert titles("смирн") == ["People", "Анна Смирнова"]
    assert titles("@anna") == ["People", "Анна Смирнова"]
    assert titles("zzz") == ["Nothing found"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Пётр Алёхин", "алехин"),
        ("Петр", "пётр"),
        ("Zoë Müller", "zoe mull"),
        ("Łódź", "LODZ"),
        ("ＡＢＣ 会議室", "abc 会議"),
        ("上海办公室", "海办"),
        ("علی\u200cرضا", "علیرضا"),
        ("Party 🎉", "🎉"),
        ("Strasse", "straße"),
    ],
)
def test_search_field_compares_letters_as_the_search_in_messages(workbench: Workbench, name: str, wanted: str) -> None:
    room = msgspec.structs.replace(next(iter(workbench.model.rooms.values())), name=name, title=name)
    workbench.model.rooms = {room.room: room}
    assert [row.key for row in room_rows(workbench.model, wanted)][1:] == [RoomRowKey(room.room)]


def test_people_are_grouped_by_presence(workbench: Workbench) -> None:
    titles = [row.title for row in people_rows(workbench.model, True)]
    assert [title for title in titles if " — " in title] == ["Online — 4", "Away — 1", "Offline — 1"]
    workbench.chat.open_direct("anna")
    workbench.run()
    assert [row.title for row in people_rows(workbench.model, False)] == ["Online — 1", "Анна Смирнова"]


# Finding a server and logging in


def at_server_list(**scenario: object) -> Workbench:
    workbench = Workbench(remembered=False, **scenario)
    workbench.flow.begin(LaunchOptions(), False)
    workbench.run()
    return workbench


def test_server_is_chosen_accepted_and_logged_in_to() -> None:
    workbench = at_server_list()
    assert [server.name for server in workbench.entry.listed()] == ["Office", "Мастерская"]
    workbench.flow.choose(workbench.entry.listed()[0])
    workbench.run()
    assert workbench.entry.page is WindowPage.IDENTITY
    assert not any(
        workbench.engine.called(kind) for kind in (api.LoginCommand, api.RegisterCommand, api.AcceptIdentityCommand)
    )
    workbench.flow.accept()
    workbench.run()
    assert workbench.entry.page is WindowPage.LOGIN
    workbench.flow.log_in("ivan", "wrong", True)
    assert workbench.entry.busy
    workbench.run()
    assert (workbench.entry.page, workbench.entry.error) == (WindowPage.LOGIN, "User name or password is wrong")
    workbench.flow.log_in("ivan", "secret password", True)
    workbench.run()
    assert workbench.entry.page is WindowPage.CHAT
    assert workbench.model.room


def test_stopped_server_leaves_the_list() -> None:
    workbench = at_server_list(servers=2)
    workbench.engine.scenario.servers = 1
    for _ in range(4):
        workbench.wait(5)
    assert [server.name for server in workbench.entry.listed()] == ["Office"]


def test_changed_key_cannot_be_accepted() -> None:
    workbench = at_server_list(trust=Trust.CHANGED)
    workbench.flow.choose(workbench.entry.listed()[0])
    workbench.run()
    assert workbench.entry.page is WindowPage.CHANGED
    workbench.flow.accept()
    workbench.run()
    assert workbench.entry.page is WindowPage.CHANGED
    assert not any(
        workbench.engine.called(kind) for kind in (api.LoginCommand, api.RegisterCommand, api.AcceptIdentityCommand)
    )
    workbench.flow.decline()
    assert workbench.entry.page is WindowPage.SERVERS


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("lanchat://host:1/#abc", "invite link"),
        ("not an address", "not an address"),
        ("10.0.0.99", "Nobody answers"),
    ],
)
def test_invalid_addresses_show_the_reason(typed: str, problem: str) -> None:
    workbench = at_server_list()
    workbench.flow.connect(typed)
    workbench.run()
    assert workbench.entry.page is WindowPage.SERVERS
    assert problem in workbench.entry.error


def test_launch_options_select_the_server() -> None:
    workbench = Workbench(remembered=False)
    workbench.flow.begin(LaunchOptions(address="192.168.1.10:4000", fingerprint="aa" * 32, accept_new=True), False)
    expected = api.ConnectCommand("192.168.1.10:4000", "", "aa" * 32, True, accept_own=True)
    assert workbench.engine.called(api.ConnectCommand) == [expected]


def test_invite_link_is_passed_to_the_engine() -> None:
    workbench = at_server_list()
    link = "lanchat://10.1.2.3:4000/#" + "3fa2" * 16
    workbench.flow.connect(f"  {link} ")
    assert workbench.engine.called(api.ConnectCommand)[-1] == api.ConnectCommand("", link, accept_own=True)


@pytest.mark.parametrize(
    ("account", "problem"),
    [
        (NewAccount("", "12345678", "12345678"), "user name"),
        (NewAccount("a b", "12345678", "12345678"), "letters, digits"),
        (NewAccount("ann", "1234567", "1234567"), "8 characters"),
        (NewAccount("ann", "12345678", "12345679"), "differ"),
        (NewAccount("ann", "12345678", "12345678", email="x"), "e-mail"),
        (NewAccount("ann", "12345678", "12345678", display_name="a" * 65), "display name"),
        (NewAccount("ann", "12345678", "12345678", display_name="a\u202d\ue000"), "U+E000"),
        (NewAccount("ann", "12345678", "12345678"), "invite code"),
        (NewAccount("taken", "12345678", "12345678", invite_code="x"), "taken"),
    ],
)
def test_registration_shows_the_reason_of_a_refusal(account: NewAccount, problem: str) -> None:
    workbench = at_server_list(registration=Registration.INVITE)
    workbench.flow.choose(workbench.entry.listed()[0])
    workbench.run()
    workbench.flow.accept()
    workbench.run()
    workbench.flow.turn_to(WindowPage.REGISTER)
    workbench.flow.register(account)
    workbench.run()
    assert problem in workbench.entry.error
    assert workbench.entry.page is WindowPage.REGISTER


@pytest.mark.parametrize(("setup", "problem"), [(Setup.CODE, "set-up code"), (Setup.HERE, "")])
def test_server_without_accounts_offers_registration_at_once(setup: Setup, problem: str) -> None:
    workbench = at_server_list(registration=Registration.INVITE, setup=setup)
    workbench.flow.choose(workbench.entry.listed()[0])
    workbench.run()
    workbench.flow.accept()
    workbench.run()
    assert workbench.entry.page is WindowPage.REGISTER
    assert workbench.entry.is_first
    assert not workbench.entry.needs_invite
    assert workbench.entry.needs_setup_code is bool(problem)
    account = NewAccount("new.one", "12345678", "12345678")
    workbench.flow.register(account)
    workbench.run()
    assert problem in workbench.entry.error
    if problem:
        workbench.flow.register(msgspec.structs.replace(account, setup_code=" abcd "))
        workbench.run()
        assert workbench.engine.called(api.RegisterCommand)[-1].setup_code == "abcd"
    assert workbench.entry.page is WindowPage.INVITE


def test_closed_server_without_accounts_allows_registration() -> None:
    workbench = at_server_list(registration=Registration.CLOSED, setup=Setup.HERE)
    workbench.flow.choose(workbench.entry.listed()[0])
    workbench.run()
    workbench.flow.accept()
    workbench.run()
    assert workbench.entry.may_register


def test_registration_opens_the_chat_page() -> None:
    workbench = at_server_list()
    workbench.flow.register(NewAccount("new.one", "12345678", "12345678", "New One", "new@example.org"))
    workbench.run()
    assert workbench.entry.page is WindowPage.CHAT
    assert workbench.model.account
    assert workbench.model.account.name == "new.one"


def test_password_recovery_with_a_mailed_code() -> None:
    workbench = at_server_list()
    workbench.flow.recover("ivan")
    workbench.run()
    assert workbench.entry.page is WindowPage.RECOVER_CODE
    workbench.flow.recover_with("000000", "new password", "new password")
    workbench.run()
    assert "wrong" in workbench.entry.error
    workbench.flow.recover_with("123456", "new password", "new password")
    workbench.run()
    assert workbench.entry.page is WindowPage.LOGIN
    assert workbench.entry.done


def test_remembered_profile_opens_the_chat_page() -> None:
    workbench = Workbench()
    workbench.flow.begin(LaunchOptions(), True)
    assert workbench.entry.page is WindowPage.CHAT
    workbench.run()
    assert workbench.model.link.state is api.LinkState.LIVE
    assert workbench.model.room


def test_remembered_profile_retries_an_unreachable_server() -> None:
    workbench = Workbench(away_at_start=True)
    workbench.flow.begin(LaunchOptions(), True)
    workbench.run()
    assert workbench.entry.page is WindowPage.CHAT
    assert workbench.model.link.state is api.LinkState.AWAY
    workbench.engine.scenario.away_at_start = False
    workbench.wait(4)
    assert workbench.model.link.state is api.LinkState.LIVE


def test_revoked_device_opens_the_login_page() -> None:
    workbench = Workbench()
    workbench.flow.begin(LaunchOptions(), True)
    workbench.run()
    workbench.flow.lost("This computer's access was revoked.")
    assert (workbench.entry.page, workbench.entry.error) == (WindowPage.LOGIN, "This computer's access was revoked.")


def test_each_connection_state_redraws_the_status(workbench: Workbench) -> None:
    for state in api.LinkState:
        assert WindowPart.LINK in workbench.model.apply(StateChanged(state))


def test_completed_history_does_not_scroll(workbench: Workbench) -> None:
    workbench.engine.say(1, "bob", "said during a gap")
    workbench._items.clear()
    workbench.model.jump = None
    workbench.engine.emit(api.RoomLive(1, 301))
    workbench.run()
    assert workbench.texts()[-1] == "said during a gap"
    assert timeline(workbench).at_bottom
    assert workbench.model.jump is None
