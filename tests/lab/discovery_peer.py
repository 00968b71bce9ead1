"""The programs that the discovery tests run on the lab's computers; JSON lines on stdout.

    serve NAME PORT [OPTION=VALUE …]      announces until SIGTERM; {"ready": seconds}, then {"stopped": seconds}
    seek TIMES SECONDS [OPTION=VALUE …]   searches several times; {"seconds": …, "servers": …, "widest_gap": seconds}
    browse SECONDS [OPTION=VALUE …]       shows the list at each change; {"servers": …}, at last {"end": true}

A server is shown as [key, name, host, port, via]; its key is the name it was started with. Options are Python literals
for DiscoveryService, discover and Browser.
"""

import ast
import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from lanchat.discovery.browse import Browser, DiscoveredServer, discover
from lanchat_server.service.net.discovery import DiscoveryService


def log_id(key: str) -> bytes:
    """Made so that the key can be read out of it."""
    return key.encode().ljust(16, b"\0")


def fingerprint(key: str) -> str:
    return key.encode().ljust(32, b"\1").hex()


def _say(**values: Any) -> None:
    print(json.dumps(values), flush=True)


async def serve(name: str, port: str, **options: Any) -> None:
    key = options.pop("key", name)
    service = DiscoveryService(
        name=name,
        port=int(port),
        log_id=log_id(key),
        fingerprint=fingerprint(key),
        logger=logging.getLogger("server"),
        **options,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    _say(ready=await _timed(service.start))
    await stop.wait()
    _say(stopped=await _timed(service.stop))


async def _timed(call: Callable[[], Coroutine[Any, Any, None]]) -> float:
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


async def seek(times: str, seconds: str, **options: Any) -> None:
    for _ in range(int(times)):
        gaps: list[float] = []
        watch = asyncio.create_task(_watch_the_loop(gaps))
        began = time.perf_counter()
        servers = await discover(float(seconds), **options)
        took = time.perf_counter() - began
        watch.cancel()
        _say(seconds=took, servers=_rows(servers), widest_gap=max(gaps, default=0.0))


async def _watch_the_loop(gaps: list[float]) -> None:
    """How long each turn of the loop takes, without the time in which other programs had the processors."""
    while True:
        began, waited = time.perf_counter(), _waited()
        await asyncio.sleep(0.001)
        gaps.append(time.perf_counter() - began - (_waited() - waited))


def _waited() -> float:
    """Seconds that this thread was ready to run and did not; 0 where the kernel does not count them."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


def _rows(servers: list[DiscoveredServer]) -> list[list[Any]]:
    return [[_key(server), server.name, server.host, server.port, server.via] for server in servers]


def _key(server: DiscoveredServer) -> str:
    key = server.log_id.rstrip(b"\0").decode()
    assert server.fingerprint == fingerprint(key), server
    return key


async def browse(seconds: str, **options: Any) -> None:
    browser = Browser(**options)
    browser.start(lambda servers: _say(servers=_rows(servers)))
    await asyncio.sleep(float(seconds))
    await browser.stop()
    _say(end=True)


COMMANDS: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "serve": serve,
    "seek": seek,
    "browse": browse,
}

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    command, *words = sys.argv[1:]
    positional = [word for word in words if "=" not in word]
    options = dict(word.split("=", 1) for word in words if "=" in word)
    asyncio.run(COMMANDS[command](*positional, **{key: ast.literal_eval(value) for key, value in options.items()}))
