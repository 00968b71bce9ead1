"""Other users of the computer, and hosts on the LAN that answer discovery: loopback ports, files, names."""

import contextlib
import json
import socket
import stat
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from lanchat.protocol import wire
from lanchat.protocol.datagram.beacon import Advert
from lanchat_server.admin.channel import ADMIN_FILE
from tests.attacks import databases
from tests.attacks.chat_load import peak_memory
from tests.attacks.outcome import Outcome
from tests.attacks.recording_client import observed_server
from tests.attacks.rights import server_command
from tests.support.figures import percentile
from tests.support.neighbours import Neighbours, invented
from tests.support.ports import free_port
from tests.support.procs import ServerProcess, json_lines, run_client
from tests.support.raw import RawClient

PASSWORD = "correct horse"
CHAT_P99 = 1.0
# As on a Debian computer whose administrator changed nothing.
DESCRIPTORS = 1024
CROWD = 1100
_INTRODUCED = json.dumps({"nonce": "1" * 64}).encode() + b"\n"


@contextlib.contextmanager
def _open_connections(port: int, octets: bytes, count: int = CROWD) -> Iterator[None]:
    """So many connections, from one address as from many."""
    with contextlib.ExitStack() as stack:
        for number in range(count):
            source = f"127.0.0.{1 + number % 200}" if number % 2 else "127.0.0.1"
            with contextlib.suppress(OSError):
                sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30, (source, 0)))
                sock.sendall(octets)
        yield


def held_connections(folder: Path) -> Outcome:
    """Idle connections to the admin port: users still log in and commands are answered."""
    outcome = Outcome(f"{CROWD:,} connections to the port of the administrator's commands", 0)
    with ServerProcess(folder, database=databases.new_database()) as server:
        process = psutil.Process(server.pid)
        process.rlimit(psutil.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        server.add_account("anna")
        port = int(json.loads((folder / ADMIN_FILE).read_text())["port"])
        most = 0
        for octets in (b"", b'{"non', _INTRODUCED):
            with _open_connections(port, octets):
                outcome.attempts += CROWD
                most = max(most, process.num_fds())
                with RawClient(server.port, timeout=60) as member:
                    outcome.expect(isinstance(member.log_in("anna"), wire.LoggedIn), "nobody logs in")
                done = server_command(server, "users", "list")
                outcome.expect(done.returncode == 0, f"no command is answered: {done.stderr}")
    outcome.seen = f"{most} of {DESCRIPTORS:,} descriptors in use at most; log-ins and commands are answered"
    return outcome


class Impostor:
    """Listens at the port that a killed server left in its admin.json, and keeps what it hears."""

    def __init__(self, port: int, answer: bytes) -> None:
        self.received = b""
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                with sock, contextlib.suppress(OSError):
                    while octets := sock.recv(65536):
                        self.received += octets
                        sock.sendall(self._answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def impostor(folder: Path) -> Outcome:
    """A server is killed; another user of the computer binds its port, and the administrator gives commands: what the
    impostor hears, and what becomes of the file that its answer names."""
    outcome = Outcome("an impostor at the port of a killed server; a path in its answer", 0)
    with ServerProcess(folder, database=databases.new_database()) as server:
        server.add_account("anna")
        where = json.loads((folder / ADMIN_FILE).read_text())
        server.kill()
        precious = folder.parent / "precious"
        precious.write_text("keep me")
        made = {"result": {"file": str(precious), "users": 1, "messages": 1, "log_id": "", "log_epoch": 1}}
        hello = {"nonce": "2" * 64, "proof": "3" * 64}
        for answer in (made, hello, hello | made, {"error": "no such user"}):
            liar = Impostor(where["port"], json.dumps(answer).encode() + b"\n")
            try:
                server_command(server, "users", "add", "eve", password="a password of somebody")
                server_command(server, "backup", str(folder.parent / "backup"))
                server_command(server, "status")
            finally:
                liar.close()
            outcome.attempts += 3
            outcome.accepted += where["token"].encode() in liar.received or b"a password of" in liar.received
            outcome.accepted += not precious.exists() or precious.read_text() != "keep me"
            outcome.accepted += (folder.parent / "backup").exists()
    return outcome


def symbolic_links_and_modes(folder: Path) -> Outcome:
    """Links in the places of files that a client is about to write, and what others may read of an export."""
    outcome = Outcome("links in a profile's folder; the mode of an export", 0)
    folder.mkdir(parents=True, exist_ok=True)
    environment = {"LANCHAT_PASSWORD": PASSWORD}
    with ServerProcess(folder / "server", database=databases.new_database()) as server:
        server.add_account("anna")
        trust = ["--server", server.address, "--fingerprint", server.fingerprint]
        for suffix in (".new", ".draft", ".tmp", ""):
            profile = folder / f"profile{suffix}"
            profile.mkdir(mode=0o700)
            taken = folder / f"taken{suffix}"
            (profile / f"devices.toml{suffix}").symlink_to(taken)
            run_client(["login", "--user", "anna", *trust], profile, env=environment)
            outcome.attempts += 1
            outcome.accepted += taken.exists()
        profile, file = folder / "good", folder / "export.jsonl"
        assert run_client(["login", "--user", "anna", *trust], profile, env=environment).returncode == 0
        assert run_client(["send", "general", "hello"], profile).returncode == 0
        done = run_client(["export", "general", str(file)], profile)
        outcome.expect(done.returncode == 0, done.stderr)
        private = [file, *(each for each in profile.rglob("*") if each.is_file())]
        outcome.attempts += len(private)
        outcome.accepted += sum(bool(stat.S_IMODE(each.stat().st_mode) & 0o077) for each in private)
    outcome.seen = f"{len(private)} files, all of them 0600"
    return outcome


def invented_servers(folder: Path, crowd: int) -> Outcome:
    """A neighbour answers each probe with so many invented servers before the real one; somebody who does not know the
    real one looks for it, and somebody who does follows it to a new port."""
    outcome = Outcome(f"a neighbour who invents {crowd} servers", crowd)
    environment = {"LANCHAT_PASSWORD": PASSWORD}
    with ServerProcess(folder / "server", database=databases.new_database(), name="The real one") as server:
        server.add_account("anna")
        trust = ["--server", server.address, "--fingerprint", server.fingerprint]
        profile = folder / "anna"
        assert run_client(["login", "--user", "anna", *trust], profile, env=environment).returncode == 0
        assert server.stop() == 0
    with server.restart(port=free_port()) as moved:
        with RawClient(moved.port) as visitor:
            visitor.hello()
            advert = Advert(visitor.welcome.log_id, visitor.fingerprint.hex(), moved.port, "The real one")
        lies = [invented(number) for number in range(crowd)]
        neighbours = Neighbours("0.0.0.0", [("127.0.0.66", lies), ("127.0.0.10", [advert])])
        try:
            port = ["--discovery-port", str(neighbours.port), "--timeout", "20"]
            told = run_client(["discover", "--json", *port[:2], "--timeout", "3"], folder / "new")
            found = json_lines(told.stdout)
            outcome.expect(any(each.get("name") == "The real one" for each in found), "a newcomer does not see it")
            done = run_client(["send", "general", "found you", *port], profile)
            outcome.expect(done.returncode == 0, f"who knows it does not find it: {done.stderr}")
        finally:
            neighbours.close()
    outcome.seen = f"the real one is among {len(found)} listed; who knows it is in"
    return outcome


def same_display_name(folder: Path) -> Outcome:
    """A second account takes somebody's display name, in several spellings: whether others see which is which."""
    outcome = Outcome("a second account with somebody's display name", 0)
    folder.mkdir(parents=True, exist_ok=True)
    with ServerProcess(folder / "server", database=databases.new_database()) as server, RawClient(server.port) as anna:
        anna.register("anna", display_name="Anna Lind")
        for number, taken in enumerate(("Anna Lind", "anna lind", "ＡＮＮＡ　ＬＩＮＤ", "Аnna Lind")):
            with RawClient(server.port) as liar:
                liar.register(f"liar{number}", display_name=taken)
        server.add_account("reader")
        trust = ["--server", server.address, "--accept-new", "--user", "reader"]
        told = run_client(["online", "--all", *trust], folder / "reader", env={"LANCHAT_PASSWORD": PASSWORD})
    lines = [line for line in told.stdout.splitlines() if "liar" in line or "anna" in line.lower()]
    outcome.attempts = 4
    outcome.accepted = sum(f"@liar{number}" not in told.stdout for number in range(4))
    outcome.seen = f"{len(lines)} lines, each with the user name"
    return outcome


# --- The figures under load -------------------------------------------------------------------------------------------


def metrics_scrapes(folder: Path, seconds: float, rate: int, slow: int) -> Outcome:
    """Metrics are scraped `rate` times a second, and by clients that never read them, while messages are sent."""
    outcome = Outcome(f"{rate} scrapes a second of the figures and {slow} slow readers while messages flow", 0)
    folder.mkdir(parents=True, exist_ok=True)
    port, config = free_port(), folder / "figures.toml"
    config.write_text(f"[metrics]\nport = {port}\n")
    with observed_server(folder / "server", extra=("--config", str(config))) as (server, watcher):
        process = psutil.Process(server.pid)
        outcome.quiet = percentile(_acknowledgement_times(watcher, seconds / 2), 0.99)
        threads, descriptors = process.num_threads(), 0
        ended = threading.Event()
        with peak_memory(server) as memory, _open_connections(port, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r", slow):
            scraped: list[float] = []
            readers = [threading.Thread(target=_scrape, args=(port, rate / 4, ended, scraped)) for _ in range(4)]
            for reader in readers:
                reader.start()
            try:
                outcome.attacked = percentile(_acknowledgement_times(watcher, seconds), 0.99)
                descriptors = process.num_fds()
            finally:
                ended.set()
                for reader in readers:
                    reader.join()
        outcome.memory = memory[0], memory[1]
        more = process.num_threads() - threads
    outcome.attempts = len(scraped) + slow
    outcome.expect(bool(scraped), "nobody got the figures")
    outcome.expect(more <= 12, f"{more} threads more")
    outcome.expect(descriptors < 256, f"{descriptors} descriptors")
    outcome.expect(memory[1] - memory[0] < 24 << 20, "memory")
    outcome.expect(outcome.attacked < CHAT_P99, "messages wait")
    outcome.seen = f"{len(scraped) / seconds:.0f} answered a second, p99 {percentile(scraped, 0.99) * 1000:.0f} ms; "
    outcome.seen += f"{more} threads more, {descriptors} descriptors"
    return outcome


def _acknowledgement_times(watcher: RawClient, seconds: float) -> list[float]:
    """Seconds to the acknowledgement of messages that are said within the rate."""
    times, end, room = [], time.monotonic() + seconds, watcher.rooms["general"]
    while time.monotonic() < end:
        began = time.monotonic()
        watcher.say(room, "on we go")
        times.append(time.monotonic() - began)
        watcher.events.clear()
        time.sleep(max(0.0, 0.125 - times[-1]))
    return times


def _scrape(port: int, rate: float, ended: threading.Event, times: list[float]) -> None:
    while not ended.wait(1 / rate):
        began = time.monotonic()
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                answer.read()
            times.append(time.monotonic() - began)
