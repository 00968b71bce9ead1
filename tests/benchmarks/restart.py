"""Case f: a server with 500 clients is killed and started at once: until all are logged in, subscribed and complete.

The clients come back by the real client's rule (full jitter: up to 0.5 s, then doubling), each opens TLS, logs in by
device key, subscribes, and reads the page that it lacks, for which every cursor is set 10 records back.
"""

import heapq
import select
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random

from lanchat.core.config import ClientConfig
from lanchat.protocol import wire
from tests.benchmarks.accounts import Account
from tests.benchmarks.figures import Report
from tests.benchmarks.fleet import Client, enter, log_in_all
from tests.benchmarks.generator import Generator, Load
from tests.benchmarks.serving import Serving, serving
from tests.benchmarks.traffic import ChatTraffic, text

CLIENTS = 500
BEHIND = 10
_AT_ONCE = 12


def run(report: Report, *, rounds: int, quick: bool) -> None:
    clients = 100 if quick else CLIENTS
    values, starts = [], []
    for _ in range(1 if quick else rounds):
        with serving("SQLite", clients) as server:
            started, complete = _measure(server, clients)
            values.append(complete)
            starts.append(started)
    at = f"{clients} clients"
    report.add("f", "killed server serves again", "s", "SQLite", at, starts)
    report.add("f", "until all are live and complete", "s", "SQLite", at, values, most=5.0)


def _measure(server: Serving, clients: int) -> tuple[float, float]:
    """Seconds from the kill until the new process serves, and until the last client is complete."""
    world = server.world
    sessions = log_in_all(server.port, world, world.accounts[:clients], [world.general])
    _talk(server, sessions)
    began = time.perf_counter()
    server.server.kill()
    with ThreadPoolExecutor(_AT_ONCE + 1) as pool:
        restarted = pool.submit(_restart, server, began)
        returns = Returns(server, sessions, pool)
        complete = returns.run(began)
        started = restarted.result()
    for session in returns.sessions:
        session.close()
    return started, complete


def _restart(server: Serving, began: float) -> float:
    server.server = server.server.restart()
    return time.perf_counter() - began


def _talk(server: Serving, sessions: list[Client]) -> None:
    """Something to catch up with."""
    world = server.world
    messages = [world.accounts[0].message(world.log_id, world.general, text(index)) for index in range(100)]
    generator = Generator(ChatTraffic(server.pids, world.general, sessions, messages, receipts=False))
    generator.run(Load(50, 1.0, warm=0.2))
    generator.close()


class Returns:
    """Sees connections end, and brings each client back."""

    def __init__(self, server: Serving, sessions: list[Client], pool: ThreadPoolExecutor) -> None:
        self._server = server
        self._pool = pool
        self._config = ClientConfig()
        self._random = Random(3)
        self._waiting: list[tuple[float, int, int]] = []
        self._trying: dict[Future[Client], tuple[int, int]] = {}
        self._lost = {session.tls.fileno(): session for session in sessions}
        self._accounts: list[Account] = [session.account for session in sessions]
        self.sessions: list[Client] = []

    def run(self, began: float) -> float:
        """Seconds since `began` when the last one is complete. Raises TimeoutError after a minute."""
        poll = select.epoll()
        for descriptor in self._lost:
            poll.register(descriptor, select.EPOLLIN)
        wanted = len(self._lost)
        while len(self.sessions) < wanted:
            now = time.perf_counter()
            if now - began > 60:
                raise TimeoutError(f"{wanted - len(self.sessions)} clients are not back after a minute")
            for descriptor, _ in poll.poll(0.002):
                self._read(descriptor, poll, now)
            self._begin(now)
            self._finish(now)
        poll.close()
        return time.perf_counter() - began

    def _read(self, descriptor: int, poll: select.epoll, now: float) -> None:
        session = self._lost[descriptor]
        try:
            ended = not socket.socket.recv(session.tls, 1 << 16)
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            poll.unregister(descriptor)
            session.close()
            self._put_off(self._accounts.index(session.account), 0, now)

    def _put_off(self, number: int, failures: int, now: float) -> None:
        longest = min(self._config.reconnect_early, self._config.reconnect_first * 2.0**failures)
        heapq.heappush(self._waiting, (now + self._random.random() * longest, number, failures))

    def _begin(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] <= now and len(self._trying) < _AT_ONCE:
            _, number, failures = heapq.heappop(self._waiting)
            self._trying[self._pool.submit(self._return, self._accounts[number])] = (number, failures)

    def _finish(self, now: float) -> None:
        for task in [task for task in self._trying if task.done()]:
            number, failures = self._trying.pop(task)
            if task.exception() is None:
                self.sessions.append(task.result())
            else:
                self._put_off(number, failures + 1, now)

    def _return(self, account: Account) -> Client:
        """Logged in, subscribed, and as far as the head. Raises OSError, RuntimeError."""
        world = self._server.world
        entered = enter(self._server.port, world, account, [world.general], timeout=20.0)
        (head,) = entered.heads
        page = entered.ask(wire.History(world.general, max(1, head.seq - BEHIND + 1), True, 200))
        assert isinstance(page, wire.Page)
        assert page.records[-1].seq == head.seq
        return entered.client(sampled=False)
