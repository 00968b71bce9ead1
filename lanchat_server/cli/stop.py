"""`lanchat-server stop`: ends the running server of a data directory."""

import argparse

from lanchat.i18n import _
from lanchat.terminal.exits import DONE, FAILED, NO_SERVER, CliError
from lanchat.terminal.output import OutputWriter
from lanchat_server.admin.errors import AdminError
from lanchat_server.admin.local import stop_server
from lanchat_server.config import ServerConfig


def stop(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Ask it to end and wait. Exit code 3 when none runs there, 1 when it has not ended in time."""
    path = settings.data_dir
    try:
        stopped = stop_server(path, options.timeout)
    except AdminError as error:
        raise CliError(FAILED, str(error)) from None
    if not stopped:
        raise CliError(NO_SERVER, _("No server is running with the data in {path}").format(path=path))
    output.row(
        {"stopped": True, "data_dir": str(path)}, _("The server with the data in {path} has stopped").format(path=path)
    )
    return DONE
