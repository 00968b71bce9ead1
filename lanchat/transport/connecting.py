"""TCP connections over networks that may be away for a while.

A kernel repeats an unanswered SYN after 1, 3, 7 s. When a cable is plugged in again nobody wants to wait for that, so
here another SYN goes out every second, each by a socket of its own; the first that is answered wins.
"""

import asyncio
import contextlib
import errno
import itertools
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any, TypeVar

T = TypeVar("T")
# Between two addresses of one host (RFC 8305, section 5), and between two rounds over all of them.
NEXT_ADDRESS = 0.25
NEXT_ROUND = 1.0
# From linux/tcp.h; Python has no name for it. Since Linux 6.15.
_TCP_RTO_MAX_MS = 44
RETRANSMIT_LONGEST_MS = 1000
# Interfaces on which a link-local address is tried.
ZONES_MAX = 16

Address = tuple[Any, ...]


async def connect(host: str, port: int) -> socket.socket:
    """A connected socket, non-blocking. Goes on until it is cancelled while nobody answers; raises OSError when all
    addresses refuse or the name is unknown."""
    try:
        found = await _look_up(host, port)
    except socket.gaierror:
        if not _is_link_local(host):
            raise
        # The zone of a link is an interface of whoever made it.
        found = await _look_up(host.partition("%")[0], port)
    return await _knock([place for family, _, _, _, address in found for place in _zoned(family, address)])


async def _look_up(host: str, port: int) -> list[Any]:
    """Raises socket.gaierror, also for what no resolver can be asked: a part of the name is empty or too long."""
    try:
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except ValueError as error:  # UnicodeError is one
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error


def _is_link_local(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ip_address(host.partition("%")[0]).is_link_local
    return False


def _zoned(family: int, address: Address) -> list[tuple[int, Address]]:
    """A link-local IPv6 address without a zone may be on any interface."""
    if family != socket.AF_INET6 or address[3] or not _is_link_local(address[0]):
        return [(family, address)]
    zones = [index for index, name in socket.if_nameindex() if name != "lo"][:ZONES_MAX]
    return [(family, (*address[:3], zone)) for zone in zones] or [(family, address)]


async def _knock(places: Sequence[tuple[int, Address]]) -> socket.socket:
    """The first that is answered; raises when as many tries have failed as there are places."""
    tries: list[asyncio.Task[socket.socket]] = []
    won = None
    try:
        for place in itertools.cycle(places):
            tries.append(asyncio.create_task(_connect_once(*place)))
            wait = NEXT_ADDRESS if place is not places[-1] else NEXT_ROUND
            await _until_one_ended(tries, wait)
            ended = [task for task in tries if task.done()]
            won = next((task for task in ended if task.exception() is None), None)
            if won is not None or len(ended) >= len(places):
                break
        return (won or ended[0]).result()
    finally:
        for task in tries:
            task.cancel()
        for result in await asyncio.gather(*tries, return_exceptions=True):
            if isinstance(result, socket.socket) and (won is None or result is not won.result()):
                result.close()


async def _until_one_ended(tries: Sequence["asyncio.Task[socket.socket]"], wait: float) -> None:
    waiting = [task for task in tries if not task.done()]
    await asyncio.wait(waiting, timeout=wait, return_when=asyncio.FIRST_COMPLETED)


async def _connect_once(family: int, address: Address) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        resume_soon(sock)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def resume_soon(sock: socket.socket) -> None:
    """Let the kernel repeat what stays unanswered after a second at most, where it can: else it doubles the distance,
    and a connection that was cut for five seconds stays silent for three more."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_RTO_MAX_MS, RETRANSMIT_LONGEST_MS)


def still_ours(address: Address) -> bool:
    """Whether this computer has the address that a connection of ours uses."""
    family = socket.AF_INET6 if ":" in str(address[0]) else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((address[0], 0, *address[2:]))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
    return True


async def first_of(ways: Sequence[Awaitable[T]], discard: Callable[[T], None]) -> T:
    """What the first way that succeeds results in; the others are cancelled, and `discard` gets what they brought all
    the same. Raises what the first one in the sequence raised when all of them fail."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    waiting, won = set(tasks), None
    try:
        while waiting and won is None:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            won = next((task for task in tasks if task in done and task.exception() is None), None)
        return (won or tasks[0]).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if task is not won and not task.cancelled() and task.exception() is None:
                discard(task.result())
