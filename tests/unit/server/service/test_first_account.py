"""The first account, made in the server's window while other ways to make one are in progress."""

import asyncio
import itertools
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role
from lanchat.ui.kit.fields.field_problems import FieldName
from lanchat_server.admin.context import LocalActor
from lanchat_server.admin.operations import perform
from lanchat_server.core.refusals import Refused
from lanchat_server.refusal_text import refusal_text
from lanchat_server.service.host import ServiceHost
from lanchat_server.window.model import ServiceState, WindowModel
from lanchat_server.window.thread import FirstAccountResult, ServiceFigures
from tests.unit.server.service.test_registration import SocketlessServer, run
from tests.unit.server.window.test_model import READY, Run, config, english

__all__ = ["config", "english"]
EMPTY = ServiceFigures({"setup_code": "ABCD", "users_online": ()})
PASSWORD = "long enough"


def model() -> WindowModel:
    made = WindowModel("Office", ServiceState.RUNNING)
    made.take(EMPTY)
    return made


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        (("", PASSWORD, PASSWORD), FieldName.USER),
        (("a b", PASSWORD, PASSWORD), FieldName.USER),
        (("anna", "short", "short"), FieldName.PASSWORD),
        (("anna", PASSWORD, PASSWORD + "x"), FieldName.AGAIN),
    ],
)
def test_model_reports_the_invalid_field(typed: tuple[str, str, str], field: FieldName) -> None:
    shown = model()
    assert not shown.ask_first(*typed)
    assert shown.first_problem is not None
    assert shown.first_problem.field is field
    assert not shown.making_first


def test_model_requests_once_and_shows_the_result() -> None:
    shown = model()
    assert shown.ask_first("anna", PASSWORD, PASSWORD)
    assert not shown.ask_first("anna", PASSWORD, PASSWORD)
    shown.take(FirstAccountResult("anna", "Not now", open=True))
    assert shown.needs_first
    assert shown.first_problem is not None
    assert shown.ask_first("anna", PASSWORD, PASSWORD)
    shown.take(FirstAccountResult("anna"))
    assert not shown.needs_first
    assert shown.setup_line() == "anna is the administrator of this server."


def test_model_shows_that_another_account_was_first() -> None:
    shown = model()
    assert shown.ask_first("anna", PASSWORD, PASSWORD)
    shown.take(FirstAccountResult("anna", "There is one", open=False))
    assert not shown.needs_first
    assert "somebody else" in shown.setup_line()


@pytest.mark.parametrize("there", [False, True])
def test_thread_reports_the_result(config: object, there: bool) -> None:
    asked = []

    async def administer(request: wire.AddAccount) -> wire.AccountResult:
        asked.append(request)
        if there:
            raise Refused(Code.SETUP_INVALID, "there is one")
        return wire.AccountResult(wire.AccountDetails(1, "anna", "anna", "", Role.ADMINISTRATOR, False, 1, 0, 0))

    async def body(on_ready: object, stop: asyncio.Event) -> None:
        on_ready(replace(READY, administer=administer, status=dict))  # type: ignore[operator]
        await stop.wait()

    run = Run(config, body)  # type: ignore[arg-type]
    run.thread.make_first("anna", PASSWORD)  # too early: nothing happens
    run.thread.start()
    run.next()
    run.next()
    run.thread.make_first("anna", PASSWORD)
    made_already = "The first account was made already, and is the administrator's"
    assert run.next() == (FirstAccountResult("anna", made_already) if there else FirstAccountResult("anna"))
    run.thread.stop()
    assert run.thread.join(10)
    (request,) = asked
    assert request == wire.AddAccount("anna", PASSWORD, Role.ADMINISTRATOR, only_first=True)


ORDERS = list(itertools.permutations(("window", "command", "guest")))


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_simultaneous_ways_make_one_administrator(tmp_path: Path, order: tuple[str, ...]) -> None:
    async def scenario(server: SocketlessServer) -> None:
        service: Any = server.service
        administer = partial(perform, ServiceHost(service.context), LocalActor())

        async def window() -> str:
            try:
                await administer(wire.AddAccount("window", PASSWORD, Role.ADMINISTRATOR, only_first=True))
            except Refused as refused:
                return refusal_text(refused)
            return ""

        async def command() -> str:
            await administer(wire.AddAccount("command", PASSWORD))
            return ""

        async def register_guest() -> str:
            code = await server.register("guest", setup_code=service.context.setup_code)
            assert code in (None, Code.SETUP_INVALID)
            return "refused" if code else ""

        ways = {"window": window, "command": command, "guest": register_guest}
        answers = dict(zip(order, await asyncio.gather(*(ways[name]() for name in order)), strict=True))
        roles = server.roles()
        (first,) = (name for name, role in roles.items() if role is Role.ADMINISTRATOR)
        assert {name for name, problem in answers.items() if not problem} == {first, "command"}
        assert set(roles) == {first, "command"}
        if first != "window":
            assert answers["window"] == "The first account was made already, and is the administrator's"

    run(tmp_path, "open", scenario, hashes=3)
