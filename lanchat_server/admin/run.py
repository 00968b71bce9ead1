"""`Administration`: an administrator's requests to the running server of a data directory, else to its database.

The running server is asked first: it has the accounts in memory. Only when for certain nobody listens there, a command
works on the database, and what writes does so under the lease. Which of the two is decided once, by the first request;
whatever else happens ends the command in one line.
"""

from types import TracebackType
from typing import Any, TypeVar

from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat_server.admin.at_rest import DatabaseAtRest
from lanchat_server.admin.channel import read_request_untrusted
from lanchat_server.admin.errors import AdminError
from lanchat_server.admin.local import RunningServer, check_no_server_runs, running_server, unusable_answer
from lanchat_server.config import ServerConfig
from lanchat_server.core.refusals import Refused

__all__ = ["AdminError", "Administration", "Refused", "check_no_server_runs"]

R = TypeVar("R")
# Of one list: accounts, rooms.
ROWS_MAX = 1_000_000


class Administration:
    """A context; it connects, or opens the database, with the first request."""

    def __init__(self, config: ServerConfig) -> None:
        """`config`: its data directory says where a server listens; its database is used when none does."""
        self._config = config
        self._way: RunningServer | DatabaseAtRest | None = None

    def __enter__(self) -> "Administration":
        """The object itself; nothing is opened yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up, or close the database and give its lease back; what the block raised goes on."""
        if self._way is not None:
            self._way.close()

    def ask(self, operation: Any, kind: type[R]) -> R:
        """What the request comes to. Raises Refused, and AdminError with one line for a person."""
        operation = _bounded(operation)
        if self._way is None:
            self._way = running_server(self._config.data_dir) or DatabaseAtRest(self._config)
        result = self._way.ask(operation)
        if not isinstance(result, kind):
            raise unusable_answer(self._config.data_dir)
        return result

    def all_of(self, operation: Any, kind: type[Any]) -> list[Any]:
        """All entries of a list that comes in pages. Raises as `ask`."""
        rows: list[Any] = []
        while True:
            page = self.ask(operation, kind)
            rows += getattr(page, page.__struct_fields__[0])
            if not page.next:
                return rows
            if page.next <= operation.after or len(rows) > ROWS_MAX:
                raise unusable_answer(self._config.data_dir)
            operation = replace(operation, after=page.next)


def _bounded(operation: Any) -> Any:
    """The request as a server reads it, with the same bounds on a database at rest. Raises Refused."""
    try:
        return read_request_untrusted(encode(wire.Request(0, operation))).operation
    except ProtocolError as error:
        raise Refused(Code.BAD_REQUEST, "too long, or out of its range") from error
