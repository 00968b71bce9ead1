"""The main page's model and commands on the fake network: what a person does, and what comes of it."""

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
from tests.support.problems import said
from tests.support.ui_desk import Workbench


@pytest.fixture
def bench() -> Workbench:
    made = Workbench(lines=300)
    made.log_in()
    return made


def timeline(bench: Workbench):  # type: ignore[no-untyped-def]
    assert bench.model.timeline
    return bench.model.timeline


# Opening


def test_it_opens_general_at_its_end(bench: Workbench) -> None:
    assert bench.model.room
    assert bench.model.room.name == "general"
    assert timeline(bench).last == 300
    assert timeline(bench).at_bottom
    assert bench.model.online_members() == 5  # four others and oneself


def test_it_opens_the_room_of_last_time() -> None:
    bench = Workbench()
    bench.chat.want_room(4)
    bench.log_in()
    assert bench.model.current == 4


def test_the_room_of_last_time_may_become_known_late() -> None:
    bench = Workbench()
    bench.chat.want_room(4)
    rooms = bench.engine.world.rooms
    late = rooms.pop(4)
    bench.chat.refresh()
    bench.run()
    assert bench.model.room
    assert bench.model.room.name == "general"
    rooms[4] = late
    bench.engine.emit(api.RoomUpdated(late))
    bench.run()
    assert bench.model.current == 4
    bench.chat.open_room(2)
    bench.engine.emit(api.RoomUpdated(late))
    bench.run()
    assert bench.model.current == 2  # a choice is a choice


def test_what_is_typed_before_a_room_is_open_is_meant_for_the_first_one() -> None:
    bench = Workbench()
    bench.model.draft.text = "quick ha"
    bench.log_in()
    assert bench.model.room
    assert bench.model.draft.text == "quick ha"
    bench.chat.open_room(2)
    bench.run()
    assert bench.model.draft.text == ""


def test_nobody_is_taken_away_from_what_they_write() -> None:
    bench = Workbench()
    bench.chat.want_room(4)
    late = bench.engine.world.rooms.pop(4)
    bench.chat.refresh()
    bench.run()
    bench.model.draft.text = "I am writ"
    bench.engine.world.rooms[4] = late
    bench.engine.emit(api.RoomUpdated(late))
    bench.run()
    assert bench.model.current == 1


def test_a_last_room_that_is_gone_does_no_harm() -> None:
    bench = Workbench()
    bench.chat.want_room(4711)
    bench.log_in()
    assert bench.model.room


def test_a_room_with_unread_messages_opens_at_them(bench: Workbench) -> None:
    bench.chat.open_room(3)
    bench.run()
    assert bench.model.jump == ScrollTarget("fresh")
    assert any(isinstance(entry, UnreadMarkEntry) for entry in bench.model.entries())


def test_answers_for_a_room_that_was_left_are_dropped(bench: Workbench) -> None:
    bench.engine.held = []
    bench.chat.open_room(2)
    late = bench.engine.held
    bench.engine.held = None
    bench.chat.open_room(4)
    bench.run()
    for command, future in late:
        bench.engine.answer(command, future)
    bench.run()
    assert bench.model.current == 4
    assert timeline(bench).room == 4
    assert {line.room for line in timeline(bench).stored} == {4}


# Scrolling


def test_scrolling_up_loads_page_after_page_to_the_beginning(bench: Workbench) -> None:
    seen = set()
    for _ in range(10):
        bench.chat.load_older()
        bench.run()
        seen |= {line.seq for line in timeline(bench).stored}
    assert timeline(bench).at_top
    assert seen == set(range(1, 301))
    asked = len(bench.engine.called(api.LoadLinesCommand))
    bench.chat.load_older()
    assert len(bench.engine.called(api.LoadLinesCommand)) == asked  # at the top nothing is asked


def test_one_page_at_a_time(bench: Workbench) -> None:
    bench.engine.held = []
    for _ in range(5):
        bench.chat.load_older()
    assert len(bench.engine.held) == 1


def test_jumping_to_a_found_message_and_back_to_the_end() -> None:
    bench = Workbench(lines=2000)
    bench.log_in()
    bench.chat.jump_to(1, 500)
    bench.run()
    found = timeline(bench).find(500)
    assert found
    assert bench.model.flash == found.id
    assert bench.model.jump == ScrollTarget(found.id)
    assert not timeline(bench).at_bottom
    bench.wait(3)
    assert bench.model.flash == ""
    for _ in range(30):
        bench.chat.load_newer()
        bench.run()
    assert timeline(bench).last == 2000
    bench.chat.jump_to(1, 10)
    bench.run()
    bench.chat.to_end()
    bench.run()
    assert timeline(bench).last == 2000
    assert timeline(bench).at_bottom


def test_jumping_into_another_room(bench: Workbench) -> None:
    bench.chat.jump_to(2, 2)
    bench.run()
    assert bench.model.current == 2
    assert timeline(bench).find(2)


# Writing


def test_a_message_is_sent_and_stored(bench: Workbench) -> None:
    bench.model.draft.text = "  hello  "
    assert bench.chat.submit("  hello  ")
    bench.run()
    assert bench.texts()[-1] == "hello"
    assert timeline(bench).stored[-1].seq == 301
    assert not timeline(bench).unstored
    assert bench.model.draft.text == ""


@pytest.mark.parametrize("text", ["", "   \n ", "x" * (BODY_CHARACTERS_MAX + 1), "ж" * 4000 + "x"])
def test_what_cannot_be_sent_stays(bench: Workbench, text: str) -> None:
    bench.model.draft.text = text
    assert not bench.chat.submit(text)
    assert bench.model.draft.text == text
    assert bench.engine.called(api.SendCommand) == []


def test_the_longest_text_can_be_sent(bench: Workbench) -> None:
    assert bench.chat.too_long("ж" * BODY_CHARACTERS_MAX) == ""
    assert "4001" in bench.chat.too_long("x" * (BODY_CHARACTERS_MAX + 1))


def test_a_text_that_could_not_be_kept_comes_back(bench: Workbench) -> None:
    bench.engine.held = []
    bench.chat.submit("precious")
    bench.model.draft.text = "typed meanwhile"
    ((_command, future),) = bench.engine.held
    bench.engine.held = None
    future.set_exception(api.CommandError(api.ErrorKind.LOCAL, said("The disk is full")))
    assert WindowPart.DRAFT | WindowPart.NOTICE in bench.run()
    assert bench.model.draft.text == "precious\ntyped meanwhile"
    assert bench.model.notices == ["The disk is full"]


def test_an_unexpected_error_is_told_and_logged(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    bench.engine.held = []
    bench.chat.submit("precious")
    ((_command, future),) = bench.engine.held
    future.set_exception(ZeroDivisionError())
    bench.run()
    assert bench.model.draft.text == "precious"
    assert bench.model.notices
    assert "ZeroDivisionError" in caplog.text


def test_a_cancelled_command_is_no_error(bench: Workbench) -> None:
    bench.engine.held = []
    bench.chat.submit("x")
    ((_command, future),) = bench.engine.held
    assert isinstance(future, concurrent.futures.Future)
    future.cancel()
    bench.run()
    assert bench.model.notices == []


def test_drafts_belong_to_rooms(bench: Workbench) -> None:
    bench.model.draft.text = "half a thought"
    bench.chat.open_room(2)
    bench.run()
    assert bench.model.draft.text == ""
    (row,) = [row for row in room_rows(bench.model, "") if row.key == RoomRowKey(1)]
    assert row.subtitle == "Draft: half a thought"
    bench.chat.open_room(1)
    assert bench.model.draft.text == "half a thought"


def test_a_heading_stands_above_what_is_not_stored_for_long(bench: Workbench) -> None:
    bench.chat.submit("!hold")
    bench.run()
    bench.chat.submit("waiting")
    bench.run()
    line = timeline(bench).unstored[0]
    timeline(bench).unstored[0] = msgspec.structs.replace(line, sent_at=bench.now)
    assert not any(isinstance(entry, UnsentEntry) for entry in bench.model.entries())
    assert WindowPart.LINES in bench.wait(3)
    assert any(isinstance(entry, UnsentEntry) for entry in bench.model.entries())


def test_a_heading_also_comes_for_what_was_written_a_moment_later(bench: Workbench) -> None:
    bench.chat.submit("!hold")
    bench.run()
    bench.now += 1.5  # the look at the first line is due before the second one is old
    bench.chat.submit("waiting")
    bench.run()
    line = timeline(bench).unstored[0]
    timeline(bench).unstored[0] = msgspec.structs.replace(line, sent_at=bench.now)
    bench.wait(1)
    assert not any(isinstance(entry, UnsentEntry) for entry in bench.model.entries())
    assert WindowPart.LINES in bench.wait(3)
    assert any(isinstance(entry, UnsentEntry) for entry in bench.model.entries())


def test_a_heading_stands_at_once_when_the_server_is_away(bench: Workbench) -> None:
    bench.chat.submit("!hold")
    bench.run()
    bench.chat.submit("!state away")
    bench.run()
    assert any(isinstance(entry, UnsentEntry) for entry in bench.model.entries())


def test_a_refused_message_stays_with_its_reason(bench: Workbench) -> None:
    bench.chat.submit("!refuse")
    bench.run()
    bench.chat.submit("not for you")
    bench.run()
    (refused,) = timeline(bench).unstored
    assert refused.refused is Code.NOT_A_MEMBER
    bench.chat.open_room(2)
    bench.run()


def test_reply(bench: Workbench) -> None:
    line = timeline(bench).stored[-1]
    bench.chat.reply_to(line)
    bench.chat.submit("an answer")
    bench.run()
    assert timeline(bench).stored[-1].reply_to == 300
    assert bench.model.draft.reply is None


def test_text_of_the_message_that_is_answered_goes_when_it_is_deleted(bench: Workbench) -> None:
    line = timeline(bench).stored[-1]
    bench.chat.reply_to(line)
    bench.run()
    bench.chat.ask(api.EditCommand(1, 300, "said better"))
    assert WindowPart.DRAFT in bench.run()
    reply = bench.model.draft.reply
    assert reply
    assert reply.text == "said better"
    bench.chat.open_room(2)
    bench.run()
    bench.chat.ask(api.DeleteCommand(1, 300))
    assert WindowPart.DRAFT not in bench.run()
    reply = bench.model.drafts[1].reply
    assert reply
    assert (reply.text, reply.deleted) == ("", True)


def test_editing_puts_the_draft_aside_and_brings_it_back(bench: Workbench) -> None:
    bench.chat.submit("mistaek")
    bench.run()
    bench.model.draft.text = "next thought"
    assert bench.chat.edit_last()
    assert bench.model.draft.text == "mistaek"
    assert bench.chat.cancel()
    assert bench.model.draft.text == "next thought"
    bench.chat.edit_last()
    bench.chat.submit("mistake")
    bench.run()
    last = timeline(bench).stored[-1]
    assert (last.text, last.edited) == ("mistake", True)
    assert bench.model.draft.text == "next thought"
    assert bench.model.draft.editing is None


def test_an_edit_that_changes_nothing_is_not_sent(bench: Workbench) -> None:
    bench.chat.submit("as it is")
    bench.run()
    bench.chat.edit_last()
    bench.chat.submit("as it is")
    assert bench.engine.called(api.EditCommand) == []


def test_replying_while_editing_ends_the_edit(bench: Workbench) -> None:
    bench.chat.submit("mine")
    bench.run()
    bench.model.draft.text = "draft"
    bench.chat.edit_last()
    bench.chat.reply_to(timeline(bench).stored[0])
    draft = bench.model.draft
    assert (draft.text, draft.editing, bool(draft.reply)) == ("draft", None, True)


def test_react_and_take_back(bench: Workbench) -> None:
    line = timeline(bench).stored[-1]
    bench.chat.react(line, "👍")
    bench.run()
    assert timeline(bench).stored[-1].reactions[0].users == (1,)
    bench.chat.react(timeline(bench).stored[-1], "👍")
    bench.run()
    assert timeline(bench).stored[-1].reactions == ()


def test_delete(bench: Workbench) -> None:
    bench.chat.delete(timeline(bench).stored[-1])
    bench.run()
    assert timeline(bench).stored[-1].deleted


def test_sending_while_reading_old_messages_goes_to_the_end() -> None:
    bench = Workbench(lines=2000)
    bench.log_in()
    bench.chat.jump_to(1, 100)
    bench.run()
    bench.chat.submit("here I am")
    bench.run()
    assert bench.texts()[-1] == "here I am"
    assert timeline(bench).at_bottom


# What others do


def test_what_others_say_is_counted_while_it_is_not_seen(bench: Workbench) -> None:
    bench.engine.say(1, "bob", "ping")
    bench.engine.say(2, "bob", "pong")
    bench.run()
    assert bench.texts()[-1] == "ping"
    assert bench.model.missed == 1
    assert bench.model.rooms[2].unread == 1
    before = bench.model.unread
    bench.chat.seen(1, 301)
    bench.run()
    assert bench.engine.called(api.MarkReadCommand)[-1] == api.MarkReadCommand(1, 301)
    assert bench.model.unread == before - 1
    asked = len(bench.engine.called(api.MarkReadCommand))
    bench.chat.seen(1, 301)
    bench.chat.seen(1, 299)
    assert len(bench.engine.called(api.MarkReadCommand)) == asked


def test_what_is_seen_of_the_room_before_is_not_read_in_the_next(bench: Workbench) -> None:
    bench.chat.open_room(2)
    bench.chat.seen(1, 300)
    assert bench.engine.called(api.MarkReadCommand) == []


def test_a_line_marks_what_came_while_nobody_looked(bench: Workbench) -> None:
    bench.model.focused = False
    bench.engine.say(1, "bob", "ping")
    bench.run()
    assert bench.model.fresh_after == 300
    assert any(isinstance(entry, UnreadMarkEntry) for entry in bench.model.entries())


def test_receipts_turn_into_ticks(bench: Workbench) -> None:
    bench.chat.submit("did you get it?")
    bench.run()
    bench.chat.submit("!receipts")
    bench.run()
    bench.wait(1)
    line = next(line for line in timeline(bench).stored if line.text == "did you get it?")
    assert line.read == line.members == 6


def test_being_removed_from_the_open_room_opens_another(bench: Workbench) -> None:
    bench.engine.emit(api.RoomRemoved(1))
    bench.run()
    assert bench.model.current not in (0, 1)


def test_a_room_whose_history_arrives_later_is_filled() -> None:
    bench = Workbench()
    bench.log_in()
    bench.chat.open_room(4)
    bench.run()
    bench.engine.say(4, "bob", "old news")
    bench._items.clear()  # the event itself was lost: the room was not live yet
    bench.engine.emit(api.RoomLive(4, 4))
    bench.run()
    bench.wait(1)
    assert bench.texts()[-1] == "old news"


# Rooms and people


def test_rooms_are_made_joined_and_left(bench: Workbench) -> None:
    bench.chat.ask(api.CreateRoomCommand("secret", True), bench.chat.enter)
    bench.run()
    assert bench.model.room
    assert (bench.model.room.name, bench.model.room.kind) == ("secret", RoomKind.PRIVATE)
    secret = bench.model.current
    bench.chat.leave(secret)
    bench.run()
    assert bench.model.current != secret
    assert [row.title for row in joinable_rows(bench.model)] == ["secret"]
    bench.chat.join(secret)
    bench.run()
    assert bench.model.current == secret


def test_a_direct_conversation_is_made_once(bench: Workbench) -> None:
    for _ in range(2):
        bench.chat.open_direct("anna")
        bench.run()
    assert len([room for room in bench.model.rooms.values() if room.kind is RoomKind.DIRECT]) == 1
    assert bench.model.room
    assert bench.model.room.title == "Анна Смирнова"


def test_errors_are_told(bench: Workbench) -> None:
    bench.chat.open_direct("nobody")
    assert WindowPart.NOTICE in bench.run()
    assert bench.model.notices == ["There is nobody called nobody"]


def test_the_search_field_finds_rooms_people_and_rooms_to_join(bench: Workbench) -> None:
    def titles(wanted: str) -> list[str]:
        return [row.title for row in room_rows(bench.model, wanted)]

    assert titles("") == ["Rooms", "general", "ops", "random", "разработка"]
    assert titles("РАЗ") == ["Rooms", "разработка"]
    assert titles("смирн") == ["People", "Анна Смирнова"]
    assert titles("@anna") == ["People", "Анна Смирнова"]
    assert titles("zzz") == ["Nothing found"]


def test_people_by_presence(bench: Workbench) -> None:
    titles = [row.title for row in people_rows(bench.model, True)]
    assert [title for title in titles if " — " in title] == ["Online — 4", "Away — 1", "Offline — 1"]
    bench.chat.open_direct("anna")
    bench.run()
    assert [row.title for row in people_rows(bench.model, False)] == ["Online — 1", "Анна Смирнова"]


# Finding a server and logging in


def entering(**scenario: object) -> Workbench:
    bench = Workbench(remembered=False, **scenario)
    bench.flow.begin(LaunchOptions(), False)
    bench.run()
    return bench


def test_servers_are_listed_and_one_is_chosen_and_accepted() -> None:
    bench = entering()
    assert [server.name for server in bench.entry.listed()] == ["Office", "Мастерская"]
    bench.flow.choose(bench.entry.listed()[0])
    bench.run()
    assert bench.entry.page is WindowPage.IDENTITY
    assert not any(
        bench.engine.called(kind) for kind in (api.LoginCommand, api.RegisterCommand, api.AcceptIdentityCommand)
    )
    bench.flow.accept()
    bench.run()
    assert bench.entry.page is WindowPage.LOGIN
    bench.flow.log_in("ivan", "wrong", True)
    assert bench.entry.busy
    bench.run()
    assert (bench.entry.page, bench.entry.error) == (WindowPage.LOGIN, "User name or password is wrong")
    bench.flow.log_in("ivan", "secret password", True)
    bench.run()
    assert bench.entry.page is WindowPage.CHAT
    assert bench.model.room


def test_a_server_that_is_gone_leaves_the_list() -> None:
    bench = entering(servers=2)
    bench.engine.scenario.servers = 1
    for _ in range(4):
        bench.wait(5)
    assert [server.name for server in bench.entry.listed()] == ["Office"]


def test_a_changed_key_is_the_end_of_the_way() -> None:
    bench = entering(trust=Trust.CHANGED)
    bench.flow.choose(bench.entry.listed()[0])
    bench.run()
    assert bench.entry.page is WindowPage.CHANGED
    bench.flow.accept()
    bench.run()
    assert bench.entry.page is WindowPage.CHANGED
    assert not any(
        bench.engine.called(kind) for kind in (api.LoginCommand, api.RegisterCommand, api.AcceptIdentityCommand)
    )
    bench.flow.decline()
    assert bench.entry.page is WindowPage.SERVERS


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("lanchat://host:1/#abc", "invite link"),
        ("not an address", "not an address"),
        ("10.0.0.99", "Nobody answers"),
    ],
)
def test_addresses_that_lead_nowhere_are_explained(typed: str, problem: str) -> None:
    bench = entering()
    bench.flow.connect(typed)
    bench.run()
    assert bench.entry.page is WindowPage.SERVERS
    assert problem in bench.entry.error


def test_the_command_line_names_the_server() -> None:
    bench = Workbench(remembered=False)
    bench.flow.begin(LaunchOptions(address="192.168.1.10:4000", fingerprint="aa" * 32, accept_new=True), False)
    assert bench.engine.called(api.ConnectCommand) == [api.ConnectCommand("192.168.1.10:4000", "", "aa" * 32, True)]


def test_an_invite_link_is_handed_on() -> None:
    bench = entering()
    link = "lanchat://10.1.2.3:4000/#" + "3fa2" * 16
    bench.flow.connect(f"  {link} ")
    assert bench.engine.called(api.ConnectCommand)[-1] == api.ConnectCommand("", link, "", False)


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
def test_registration_says_what_is_wrong(account: NewAccount, problem: str) -> None:
    bench = entering(registration=Registration.INVITE)
    bench.flow.choose(bench.entry.listed()[0])
    bench.run()
    bench.flow.accept()
    bench.run()
    bench.flow.turn_to(WindowPage.REGISTER)
    bench.flow.register(account)
    bench.run()
    assert problem in bench.entry.error
    assert bench.entry.page is WindowPage.REGISTER


@pytest.mark.parametrize(("setup", "problem"), [(Setup.CODE, "set-up code"), (Setup.HERE, "")])
def test_first_account_of_a_server_is_offered_at_once(setup: Setup, problem: str) -> None:
    bench = entering(registration=Registration.INVITE, setup=setup)
    bench.flow.choose(bench.entry.listed()[0])
    bench.run()
    bench.flow.accept()
    bench.run()
    assert bench.entry.page is WindowPage.REGISTER
    assert bench.flow.is_first
    assert not bench.flow.needs_invite
    assert bench.flow.needs_setup_code is bool(problem)
    account = NewAccount("new.one", "12345678", "12345678")
    bench.flow.register(account)
    bench.run()
    assert problem in bench.entry.error
    if problem:
        bench.flow.register(msgspec.structs.replace(account, setup_code=" abcd "))
        bench.run()
        assert bench.engine.called(api.RegisterCommand)[-1].setup_code == "abcd"
    assert bench.entry.page is WindowPage.CHAT


def test_closed_server_without_account_lets_the_first_one_register() -> None:
    bench = entering(registration=Registration.CLOSED, setup=Setup.HERE)
    bench.flow.choose(bench.entry.listed()[0])
    bench.run()
    bench.flow.accept()
    bench.run()
    assert bench.flow.may_register


def test_registration_leads_into_the_conversation() -> None:
    bench = entering()
    bench.flow.register(NewAccount("new.one", "12345678", "12345678", "New One", "new@example.org"))
    bench.run()
    assert bench.entry.page is WindowPage.CHAT
    assert bench.model.account
    assert bench.model.account.name == "new.one"


def test_a_forgotten_password() -> None:
    bench = entering()
    bench.flow.recover("ivan")
    bench.run()
    assert bench.entry.page is WindowPage.RECOVER_CODE
    bench.flow.recover_with("000000", "new password", "new password")
    bench.run()
    assert "wrong" in bench.entry.error
    bench.flow.recover_with("123456", "new password", "new password")
    bench.run()
    assert bench.entry.page is WindowPage.LOGIN
    assert bench.entry.done


def test_a_remembered_profile_goes_straight_into_the_conversation() -> None:
    bench = Workbench()
    bench.flow.begin(LaunchOptions(), True)
    assert bench.entry.page is WindowPage.CHAT
    bench.run()
    assert bench.model.link.state is api.ConnectionState.LIVE
    assert bench.model.room


def test_a_remembered_profile_waits_for_a_server_that_is_away() -> None:
    bench = Workbench(away_at_start=True)
    bench.flow.begin(LaunchOptions(), True)
    bench.run()
    assert bench.entry.page is WindowPage.CHAT
    assert bench.model.link.state is api.ConnectionState.AWAY
    bench.engine.scenario.away_at_start = False
    bench.wait(4)
    assert bench.model.link.state is api.ConnectionState.LIVE


def test_a_revoked_computer_is_asked_for_the_password() -> None:
    bench = Workbench()
    bench.flow.begin(LaunchOptions(), True)
    bench.run()
    bench.flow.lost("This computer's access was revoked.")
    assert (bench.entry.page, bench.entry.error) == (WindowPage.LOGIN, "This computer's access was revoked.")


def test_states_that_come_and_go_are_drawn(bench: Workbench) -> None:
    for state in api.ConnectionState:
        assert WindowPart.LINK in bench.model.apply(StateChanged(state))


def test_history_that_completes_does_not_move_what_is_being_read(bench: Workbench) -> None:
    bench.engine.say(1, "bob", "said during a gap")
    bench._items.clear()
    bench.model.jump = None
    bench.engine.emit(api.RoomLive(1, 301))
    bench.run()
    assert bench.texts()[-1] == "said during a gap"
    assert timeline(bench).at_bottom
    assert bench.model.jump is None
