"""`lanchat discover`: a line per server as soon as it is found."""

import asyncio
from typing import Any

from lanchat.app import api
from lanchat.cli.session import CliSession
from lanchat.i18n import _
from lanchat.terminal.exits import NO_SERVER, CliError
from lanchat.terminal.output import OutputWriter, shown
from lanchat.wording.ways import via_text

DISCOVER_TIMEOUT = 2.0


async def discover(session: CliSession) -> None:
    """Search until the time is over. Exit code 3 when there was none."""
    search = asyncio.ensure_future(session.call(api.DiscoverCommand(session.options.timeout or DISCOVER_TIMEOUT)))
    known: set[tuple[str, str, int]] = set()
    try:
        while not search.done() or not session.events.empty():
            await _show_next(session, search, known)
        for server in search.result():
            _show(session.output, server, known)
    finally:
        search.cancel()
    if not known:
        raise CliError(NO_SERVER, _("No server was found on this network"))


async def _show_next(session: CliSession, search: "asyncio.Future[Any]", known: set[tuple[str, str, int]]) -> None:
    event = asyncio.ensure_future(session.events.get())
    await asyncio.wait((event, search), return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0)
    if not event.done():
        event.cancel()
    elif isinstance(found := event.result(), api.ServerFound):
        _show(session.output, found.server, known)
    elif isinstance(found, api.ServersLeftOut):
        session.output.warn(crowded())


def crowded() -> str:
    """What is said when the list does not show all."""
    return _(
        "More servers answer than the list shows; some may be invented. If yours is missing, give its address or an"
        " invite link"
    )


def _show(output: OutputWriter, server: api.Server, known: set[tuple[str, str, int]]) -> None:
    key = (server.fingerprint, server.host, server.port)
    if key in known:
        return
    known.add(key)
    values = {
        "name": server.name,
        "host": server.host,
        "port": server.port,
        "fingerprint": server.fingerprint,
        "via": server.via,
    }
    output.row(values, f"{shown(server.name)}  {server.host}:{server.port}  {server.words}  ({via_text(server.via)})")
