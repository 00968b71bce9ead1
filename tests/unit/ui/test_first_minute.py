"""From the first start to a conversation: which server is taken, the first account, a server that was replaced."""

import pytest

from lanchat.app import api
from lanchat.app.api import Server, Trust
from lanchat.core.policy import Policy
from lanchat.protocol.codes import Setup
from lanchat.protocol.text.identity import InviteLink
from lanchat.ui.kit.fields.forms import NewAccount
from lanchat.ui.model.entry_model import LaunchOptions, WindowPage
from tests.support.fake_engine import FINGERPRINT
from tests.support.ui_desk import Workbench


def started(**scenario: object) -> Workbench:
    bench = Workbench(remembered=False, **scenario)
    bench.flow.begin(LaunchOptions(), False)
    bench.run()
    return bench


def accepted(**scenario: object) -> Workbench:
    bench = started(**scenario)
    bench.flow.choose(bench.entry.listed()[0])
    bench.run()
    bench.flow.accept()
    bench.run()
    return bench


# Which server


def test_only_server_is_taken_without_a_click() -> None:
    bench = started(servers=1)
    assert bench.entry.page is WindowPage.SERVERS
    bench.wait(1.5)
    assert bench.entry.page is WindowPage.IDENTITY
    assert bench.entry.server is not None
    assert bench.entry.server.fingerprint == FINGERPRINT
    assert not bench.engine.called(api.AcceptIdentityCommand)


def test_several_servers_are_left_to_choose_from() -> None:
    bench = started(servers=2)
    bench.wait(5)
    assert bench.entry.page is WindowPage.SERVERS
    assert not bench.engine.called(api.ConnectCommand)


def test_second_server_that_answers_later_makes_it_a_choice() -> None:
    bench = started(servers=1)
    bench.flow.found(Server("Other", "192.168.1.77", 47400, "77" * 32, "", "probe", Trust.NEW))
    bench.wait(5)
    assert not bench.engine.called(api.ConnectCommand)


def test_only_server_is_not_taken_while_an_address_is_typed() -> None:
    bench = started(servers=1)
    bench.flow.leave_choice()
    bench.wait(5)
    assert bench.entry.page is WindowPage.SERVERS


def test_only_server_is_not_taken_again_after_going_back() -> None:
    bench = started(servers=1)
    bench.wait(1.5)
    bench.flow.decline()
    bench.run()
    bench.wait(5)
    assert bench.entry.page is WindowPage.SERVERS
    assert len(bench.engine.called(api.ConnectCommand)) == 1


def test_only_server_with_another_key_is_not_taken() -> None:
    bench = started(servers=1, trust=Trust.CHANGED)
    bench.wait(5)
    assert bench.entry.page is WindowPage.SERVERS


def test_only_server_is_not_taken_after_an_error() -> None:
    bench = Workbench(remembered=False, servers=1)
    bench.flow.begin(LaunchOptions(), False)
    bench.flow.show_servers("why not")
    bench.run()
    bench.wait(5)
    assert (bench.entry.page, bench.entry.error) == (WindowPage.SERVERS, "why not")


def test_servers_on_this_computer_are_accepted_without_comparison() -> None:
    bench = started()
    bench.flow.choose(bench.entry.listed()[0])
    bench.run()
    bench.flow.connect("192.168.1.10")
    bench.run()
    assert [command.accept_own for command in bench.engine.called(api.ConnectCommand)] == [True, True]
    assert not any(command.accept_new for command in bench.engine.called(api.ConnectCommand))


# The first account


@pytest.mark.parametrize(("setup", "page"), [(Setup.NONE, WindowPage.CHAT), (Setup.CODE, WindowPage.INVITE)])
def test_first_account_leads_to_the_page_for_others(setup: Setup, page: WindowPage) -> None:
    bench = accepted(setup=setup)
    assert bench.entry.page is (WindowPage.LOGIN if setup is Setup.NONE else WindowPage.REGISTER)
    form = NewAccount("anna", "long enough", "long enough", setup_code="1234-5678")
    bench.flow.register(form)
    bench.run()
    assert bench.entry.page is page
    bench.flow.enter_chat()
    assert bench.entry.page is WindowPage.CHAT


# A server in the place of a known one


def changed() -> Workbench:
    bench = started(trust=Trust.CHANGED)
    bench.flow.choose(bench.entry.listed()[0])
    bench.run()
    assert bench.entry.page is WindowPage.CHANGED
    return bench


def test_replaced_server_is_started_anew_with_the_shown_fingerprint() -> None:
    bench = changed()
    assert bench.entry.anew is not None
    bench.flow.start_anew()
    bench.run()
    assert [command.fingerprint for command in bench.engine.called(api.StartAnewCommand)] == [FINGERPRINT]
    assert bench.entry.page is WindowPage.LOGIN


def test_replaced_server_is_left_by_going_back() -> None:
    bench = changed()
    bench.flow.decline()
    bench.run()
    assert bench.entry.page is WindowPage.SERVERS
    assert not bench.engine.called(api.StartAnewCommand)


def test_server_set_by_an_administrator_is_not_started_anew_with() -> None:
    policy = Policy("policy.toml", InviteLink("192.168.1.10", 47400, "ab" * 32))
    bench = Workbench(policy, remembered=False, trust=Trust.CHANGED)
    bench.flow.begin(LaunchOptions(), False)
    bench.run()
    bench.wait(1)
    assert (bench.entry.page, bench.entry.anew) == (WindowPage.CHANGED, None)


def test_local_copy_of_a_replaced_server_is_opened_and_left() -> None:
    bench = accepted(replaced=True)
    (old,) = bench.engine.call(api.ListReplacedCommand()).result()
    bench.flow.open_copy(old)
    bench.run()
    assert bench.entry.page is WindowPage.CHAT
    assert bench.engine.called(api.ConnectCommand)[-1].fingerprint == old.fingerprint
    bench.flow.open_copy(None)
    bench.run()
    last = bench.engine.called(api.ConnectCommand)[-1]
    assert (last.address, last.fingerprint) == ("", "")
