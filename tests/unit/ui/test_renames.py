"""A server or a person with another name: what is on the screen has it at once."""

from msgspec.structs import replace

from lanchat.app import api
from lanchat.ui.model.parts import WindowPart
from tests.support.ui_desk import Workbench


def live() -> Workbench:
    bench = Workbench()
    bench.log_in()
    return bench


def test_renamed_server_is_shown_in_the_state_line() -> None:
    bench = live()
    assert bench.model.server is not None
    part = bench.chat.apply(api.ServerRenamed(replace(bench.model.server, name="Workshop")))
    assert WindowPart.LINK in part
    assert bench.model.server.name == "Workshop"


def test_renamed_person_is_shown_in_lists_and_above_messages() -> None:
    bench = live()
    timeline = bench.model.timeline
    assert timeline is not None
    author = next(line.author for line in timeline.stored if not line.mine)
    part = bench.chat.apply(api.PeopleChanged((replace(bench.model.people[author], display_name="New Name"),)))
    assert WindowPart.LINES | WindowPart.PEOPLE in part
    assert {line.display_name for line in timeline.stored if line.author == author} == {"New Name"}
    assert "New Name" not in {line.display_name for line in timeline.stored if line.author != author}


def test_presence_alone_draws_no_messages() -> None:
    bench = live()
    person = next(iter(bench.model.people.values()))
    assert WindowPart.LINES not in bench.chat.apply(api.PeopleChanged((person,)))


def test_own_new_name_is_that_of_the_account() -> None:
    bench = live()
    account = bench.model.account
    assert account is not None
    person = next(iter(bench.model.people.values()))
    me = replace(person, user_id=account.user_id, name=account.name, display_name=account.display_name)
    bench.chat.apply(api.PeopleChanged((me,)))
    part = bench.chat.apply(api.PeopleChanged((replace(me, display_name="Somebody Else"),)))
    assert WindowPart.ACCOUNT in part
    assert bench.model.account is not None
    assert bench.model.account.display_name == "Somebody Else"
