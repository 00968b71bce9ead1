"""A server on a database with clients that write to it, and the end of each run: settle, stop, audit."""

import asyncio
import time
from pathlib import Path
from typing import Any, Self

import psutil

from tests.chaos.audit import Audit
from tests.chaos.crowd import LIMITS, SIZE, ClientCrowd
from tests.support.procs import ServerProcess

LAUNCHER = "tests.chaos.launcher"
# Seconds; a computer that runs other tests besides is slow.
START_PATIENCE = 60.0


class ServerWithClients:
    """Use it as an async context manager: the crowd has entered then. `database` None: SQLite in `data_dir`."""

    def __init__(
        self,
        folder: Path,
        *,
        database: str | None = None,
        data_dir: Path | None = None,
        size: int = SIZE,
        seed: int = 1,
        discovery_port: int | None = None,
    ) -> None:
        self.folder = folder
        self.data_dir = data_dir or folder / "server"
        self.database = database
        self.discovery_port = discovery_port
        self.crowd = ClientCrowd(folder, size=size, seed=seed, discovery_port=discovery_port)
        self._config = folder / "server.toml"
        self._server: ServerProcess | None = None

    async def __aenter__(self) -> Self:
        self._config.write_text(LIMITS)
        options: dict[str, Any] = {
            "module": LAUNCHER,
            "database": self.database,
            "extra": ["--config", str(self._config)],
            "timeout": START_PATIENCE,
        }
        self._server = await asyncio.to_thread(lambda: ServerProcess(self.data_dir, **options))
        try:
            await self.crowd.enter(self._server)
        except BaseException:
            await self.close()
            raise
        return self

    async def launch(self, data_dir: Path, **more: Any) -> ServerProcess:
        """A server of this scene's settings in that folder, on a free port."""
        options: dict[str, Any] = {
            "module": LAUNCHER,
            "database": self.database,
            "discovery_port": self.discovery_port,
            "extra": ["--config", str(self._config)],
            "timeout": START_PATIENCE,
        }
        return await asyncio.to_thread(lambda: ServerProcess(data_dir, **(options | more)))

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        try:
            await self.crowd.close()
        finally:
            if self._server is not None and self._server.returncode is None:
                self._server.kill()

    @property
    def server(self) -> ServerProcess:
        """The present one, or the last one."""
        assert self._server is not None
        return self._server

    @server.setter
    def server(self, server: ServerProcess) -> None:
        self._server = server

    async def start(self, env: dict[str, str] | None = None) -> ServerProcess:
        """A new server after the last one has ended. Raises RuntimeError when it ended before it was ready."""
        last = self.server
        self._server = await asyncio.to_thread(lambda: last.restart(env=env or {}))
        return self._server

    async def stop(self) -> None:
        """The orderly end of the server."""
        await asyncio.to_thread(self.server.stop)

    def server_memory(self) -> int:
        """Octets of the server that are in memory."""
        return int(psutil.Process(self.server.pid).memory_info().rss)

    async def settle(self, timeout: float = 60.0) -> float:
        """Nobody writes any more; everything that was written is acknowledged, and seen by everybody. How many seconds
        that took."""
        began = time.monotonic()
        await self.crowd.stop_writing()
        await self.crowd.all_acknowledged(timeout)
        await self.crowd.all_shown(timeout)
        return time.monotonic() - began

    async def audit(self) -> Audit:
        """Everybody leaves, the server stops, and what is left is compared."""
        await self.crowd.close()
        await self.stop()
        return Audit(self.database, self.data_dir).check(self.crowd.people)
