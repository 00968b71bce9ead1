"""The pages of an administrator without Tk: what they show, ask before, and say afterwards."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lanchat import i18n
from lanchat.protocol.administration import AccountDetails, RoomSummary, SessionDetails
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.ui.administration.backups import BackupModel
from lanchat.ui.administration.now import NowModel
from lanchat.ui.administration.people import PeopleModel
from lanchat.ui.administration.port import AdminFailure, BackupFile, IssuedCode, Reply
from lanchat.ui.administration.rooms import RoomsModel
from lanchat.ui.kit.plot import points

ANNA = AccountDetails(1, "anna", "Anna", "anna@example.org", Role.ADMINISTRATOR, False, 1_000, 0, 1)
BORIS = AccountDetails(2, "boris", "Boris Petrov", "", Role.MEMBER, False, 2_000, 0, 1)
CLARA = AccountDetails(3, "clara", "clara", "", Role.MODERATOR, True, 3_000, 0, 0)
GENERAL = RoomSummary(7, "general", RoomKind.PUBLIC, 0, 1_000, 3, 12, False)
LOUNGE = RoomSummary(8, "lounge", RoomKind.PRIVATE, 2, 2_000, 2, 5, False)
OLD = RoomSummary(9, "old", RoomKind.PUBLIC, 2, 2_000, 2, 1, True)
DIRECT = RoomSummary(10, "direct:1:2", RoomKind.DIRECT, 1, 2_000, 2, 3, False)


class FakeAdministration:
    """Notes what is asked; `refuse` fails the next change, `wants` is the password without which changes fail."""

    def __init__(self) -> None:
        self.accounts = [ANNA, BORIS, CLARA]
        self.rooms = [GENERAL, LOUNGE, OLD, DIRECT]
        self.sessions = [SessionDetails(1, "laptop", "10.0.0.5", 1_000, True, False)]
        self.figures: dict[str, Any] = {}
        self.asked: list[tuple[Any, ...]] = []
        self.wants = ""
        self.refuse = ""
        self.waiting: list[Callable[[], None]] | None = None

    def _change(self, asked: tuple[Any, ...], password: str, reply: Reply[Any], result: Any = None) -> None:
        self.asked.append(asked)
        if self.wants and password != self.wants:
            answer = lambda: reply.failed(AdminFailure("Your password is needed for this", True))  # noqa: E731
        elif self.refuse:
            answer = lambda: reply.failed(AdminFailure(self.refuse))  # noqa: E731
        else:
            answer = lambda: reply.then(result)  # noqa: E731
        if self.waiting is None:
            answer()
        else:
            self.waiting.append(answer)

    def list_accounts(self, reply: Reply[list[AccountDetails]]) -> None:
        reply.then(list(self.accounts))

    def set_role(self, user: int, role: Role, password: str, reply: Reply[None]) -> None:
        self._change(("role", user, role), password, reply)

    def set_display_name(self, user: int, name: str, password: str, reply: Reply[None]) -> None:
        self._change(("name", user, name), password, reply)

    def disable(self, user: int, disabled: bool, password: str, reply: Reply[None]) -> None:
        self._change(("disable", user, disabled), password, reply)

    def end_sessions(self, user: int, password: str, reply: Reply[int]) -> None:
        self._change(("end", user), password, reply, 2)

    def delete_account(self, user: int, password: str, reply: Reply[None]) -> None:
        self.accounts = [account for account in self.accounts if account.id != user]
        self._change(("delete", user), password, reply)

    def reset_password(self, user: int, password: str, reply: Reply[IssuedCode]) -> None:
        self._change(("reset", user), password, reply, IssuedCode("12345678", 0.0))

    def create_invite(self, uses: int, days: int, reply: Reply[IssuedCode]) -> None:
        self._change(("invite", uses, days), self.wants, reply, IssuedCode("abcd-efgh", 0.0))

    def list_rooms(self, reply: Reply[list[RoomSummary]]) -> None:
        reply.then(list(self.rooms))

    def change_room(self, room: int, name: str | None, history: HistoryPolicy | None, reply: Reply[None]) -> None:
        self._change(("room", room, name, history), self.wants, reply)

    def archive_room(self, room: int, archived: bool, reply: Reply[None]) -> None:
        self._change(("archive", room, archived), self.wants, reply)

    def delete_room(self, room: int, password: str, reply: Reply[None]) -> None:
        self._change(("delete room", room), password, reply)

    def create_backup(self, password: str, reply: Reply[BackupFile]) -> None:
        self._change(("backup",), password, reply, BackupFile("today.backup", 3, 12))

    def list_sessions(self, reply: Reply[list[SessionDetails]]) -> None:
        reply.then(list(self.sessions))

    def status(self, reply: Reply[Mapping[str, Any]]) -> None:
        reply.then(self.figures)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeAdministration:
    monkeypatch.setenv("LANCHAT_LANGUAGE", "en")
    i18n.set_language("en")
    return FakeAdministration()


def people(server: FakeAdministration, chosen: int | None = None) -> PeopleModel:
    model = PeopleModel(server, lambda: None)
    model.refresh()
    model.choose(chosen)
    return model


def rooms(server: FakeAdministration, chosen: int | None = None) -> RoomsModel:
    model = RoomsModel(server, lambda: None)
    model.refresh()
    model.choose(chosen)
    return model


@pytest.mark.parametrize(
    ("words", "found"),
    [("", [1, 2, 3]), ("PETROV bor", [2]), ("example.org", [1]), ("nobody", [])],
)
def test_search_finds_accounts_with_every_word(server: FakeAdministration, words: str, found: list[int]) -> None:
    model = people(server)
    model.look_for(words)
    assert [row.key for row in model.rows()] == found


def test_disabled_accounts_are_dimmed_and_named_so(server: FakeAdministration) -> None:
    assert [row.texts[3] for row in people(server).rows() if row.dim] == ["disabled"]


def test_role_and_name_are_changed_at_once(server: FakeAdministration) -> None:
    model = people(server, BORIS.id)
    model.set_role(Role.MEMBER)
    model.set_role(Role.MODERATOR)
    model.rename("Boris Petrov")
    model.rename("Boris P.")
    assert server.asked == [("role", 2, Role.MODERATOR), ("name", 2, "Boris P.")]
    assert model.done == "The display name was changed."


def test_invalid_display_name_is_reported_before_it_is_sent(server: FakeAdministration) -> None:
    model = people(server, BORIS.id)
    model.rename("x" * 100)
    assert model.problem
    assert server.asked == []


@pytest.mark.parametrize("action", ["ask_disable", "ask_end_sessions", "ask_delete"])
def test_nothing_is_sent_before_the_answer_to_the_question(server: FakeAdministration, action: str) -> None:
    model = people(server, BORIS.id)
    getattr(model, action)()
    assert model.question is not None
    assert "boris" in model.question.text
    model.cancel()
    assert (model.question, server.asked) == (None, [])
    getattr(model, action)()
    model.answer()
    assert len(server.asked) == 1
    assert model.done


def test_deletion_says_what_becomes_of_messages_and_account_is_gone(server: FakeAdministration) -> None:
    model = people(server, BORIS.id)
    model.ask_delete()
    assert model.question is not None
    assert "Messages stay" in model.question.text
    model.answer()
    assert [row.key for row in model.rows()] == [1, 3]
    assert model.account is None


def test_disabled_account_is_enabled_without_a_question(server: FakeAdministration) -> None:
    people(server, CLARA.id).ask_disable()
    assert server.asked == [("disable", 3, False)]


def test_password_is_asked_for_when_the_server_wants_it(server: FakeAdministration) -> None:
    server.wants = "correct horse"
    model = people(server, BORIS.id)
    model.ask_delete()
    model.answer()
    assert model.question is not None
    assert model.question.secret
    model.answer("wrong")
    assert model.question is not None, "asked again"
    model.answer("correct horse")
    assert (model.question, model.done) == (None, "The account boris was deleted")
    assert [asked[0] for asked in server.asked] == ["delete"] * 3


def test_refusal_is_shown_and_the_next_action_clears_it(server: FakeAdministration) -> None:
    server.refuse = "The last administrator cannot be taken away"
    model = people(server, ANNA.id)
    model.set_role(Role.MEMBER)
    assert model.problem == server.refuse
    server.refuse = ""
    model.set_role(Role.MEMBER)
    assert model.problem == ""


def test_codes_are_shown_until_another_account_is_chosen(server: FakeAdministration) -> None:
    model = people(server, BORIS.id)
    model.reset_password()
    assert model.code == IssuedCode("12345678", 0.0)
    assert "boris" in model.code_text
    model.choose(ANNA.id)
    assert model.code is None
    model.create_invite(3, 7)
    assert model.code is not None
    assert "3 people" in model.code_text


def test_one_change_at_a_time(server: FakeAdministration) -> None:
    server.waiting = []
    model = people(server, BORIS.id)
    model.set_role(Role.MODERATOR)
    assert model.busy
    model.rename("Somebody")
    assert len(server.asked) == 1
    server.waiting.pop()()
    assert not model.busy


def test_answers_after_the_page_is_closed_are_ignored(server: FakeAdministration) -> None:
    server.waiting, told = [], list[int]()
    model = PeopleModel(server, lambda: told.append(1))
    model.refresh()
    model.choose(BORIS.id)
    model.set_role(Role.MODERATOR)
    model.close()
    before = len(told)
    server.waiting.pop()()
    assert len(told) == before


def test_rooms_are_listed_without_direct_conversations(server: FakeAdministration) -> None:
    model = rooms(server)
    assert [row.key for row in model.rows()] == [7, 8, 9]
    assert model.count_line == "3 rooms, 1 direct conversation"


def test_room_is_renamed_and_its_history_policy_changed(server: FakeAdministration) -> None:
    model = rooms(server, LOUNGE.id)
    model.rename("lounge")
    model.rename("Sofa")
    model.set_history(HistoryPolicy.EVERYTHING)
    model.set_history(HistoryPolicy.SINCE_JOINING)
    assert server.asked == [("room", 8, "Sofa", None), ("room", 8, None, HistoryPolicy.SINCE_JOINING)]


def test_archiving_asks_and_taking_back_does_not(server: FakeAdministration) -> None:
    model = rooms(server, LOUNGE.id)
    model.ask_archive()
    assert server.asked == []
    model.answer()
    model.choose(OLD.id)
    model.ask_archive()
    assert server.asked == [("archive", 8, True), ("archive", 9, False)]


def test_room_deletion_names_the_number_of_messages(server: FakeAdministration) -> None:
    model = rooms(server, LOUNGE.id)
    model.ask_delete()
    assert model.question is not None
    assert "5 messages" in model.question.text
    model.answer()
    assert server.asked == [("delete room", 8)]


def test_general_room_is_neither_archived_nor_deleted(server: FakeAdministration) -> None:
    model = rooms(server, GENERAL.id)
    model.ask_archive()
    model.ask_delete()
    assert (model.question, server.asked) == (None, [])


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def report(stored: int, nack: int, latency: float) -> dict[str, Any]:
    return {"counters": {"stored": stored, "nack": nack}, "database": {"latency_ms": latency}}


def test_figures_become_rates_between_two_looks(server: FakeAdministration) -> None:
    clock = Clock()
    model = NowModel(server, lambda: None, clock)
    for seconds, figures in ((0, report(10, 0, 1.5)), (2, report(30, 1, 2.5)), (4, report(0, 0, 0.0))):
        clock.now, server.figures = 100.0 + seconds, figures
        model.look()
    assert list(model.messages.values) == [10.0, 0.0], "of a server that was started anew nothing negative"
    assert list(model.repairs.values) == [0.5, 0.0]
    assert list(model.latency.values) == [1.5, 2.5, 0.0]


def test_sessions_name_user_device_address_and_way(server: FakeAdministration) -> None:
    model = NowModel(server, lambda: None, Clock())
    model.look()
    (row,) = model.rows()
    assert row.texts[:3] == ("anna", "laptop", "10.0.0.5")
    assert row.texts[4] == "UDP"
    assert model.count_line == "People online: 1, sessions: 1"


def test_backup_says_what_was_written_and_runs_once(server: FakeAdministration) -> None:
    server.waiting = []
    model = BackupModel(server, lambda: None)
    model.begin()
    model.begin()
    assert (model.busy, len(server.asked)) == (True, 1)
    server.waiting.pop()()
    assert model.done == "Backup today.backup was written. Accounts: 3, messages: 12."


def test_plot_line_ends_at_the_right_edge_and_keeps_within_its_height() -> None:
    line = points([0.0, 5.0, 10.0], 5, 100, 40)
    assert line == [(50.0, 40.0), (75.0, 20.0), (100.0, 0.0)]
    assert points([], 5, 100, 40) == []
    assert points([0.0, 0.0], 2, 10, 4) == [(0.0, 4.0), (10.0, 4.0)]
