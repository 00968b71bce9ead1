"""Real clients for benchmarks: profiles that know the server and hold an account's device key, and a child process
that is one client without a window: `python -m tests.benchmarks.people PROFILE`, which says in JSON lines what it did.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.keys import private_octets, public_octets
from lanchat.store.identities import KnownServer, StoredDevice
from lanchat.store.profile import ProfileStore
from lanchat_server.service.keys import load_or_create
from tests.benchmarks.accounts import Account
from tests.benchmarks.measure import memory_mib
from tests.benchmarks.serving import Serving
from tests.support.child import Child

ROOT = Path(__file__).parents[2]


def make_profile(folder: Path, server: Serving, account: Account) -> Path:
    """A profile that is remembered by this server."""
    profile = ProfileStore.open(folder)
    keys = load_or_create(server.folder)
    world = server.world
    known = KnownServer(
        keys.fingerprint, "bench", "127.0.0.1", server.port, world.log_id, public_octets(keys.log_key), 1
    )
    profile.pin(known)
    profile.set_last(keys.fingerprint)
    device = StoredDevice(
        world.log_id,
        account.user,
        account.name,
        account.name,
        account.device,
        private_octets(account.key),
        Certificate(b"", bytes(64)),
    )
    profile.save_device(device)
    return folder


class Person:
    """A child process that is a client. `events` are what it said."""

    def __init__(self, profile: Path, *options: str) -> None:
        self.child = Child([sys.executable, "-m", "tests.benchmarks.people", str(profile), *options], cwd=ROOT)

    def wait_for(self, event: str, timeout: float = 60.0) -> dict[str, Any]:
        """Raises TimeoutError, RuntimeError."""
        line = self.child.wait_for_line(lambda text: f'"{event}"' in text, timeout, event)
        return dict(json.loads(line))

    def stop(self) -> None:
        self.child.stop()

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


# --- The child ---------------------------------------------------------------------------------------------------


def say(event: str, **more: Any) -> None:
    """One line; `at` is comparable between processes of one computer."""
    print(json.dumps({"event": event, "at": time.monotonic(), **more}), flush=True)


async def live(profile: Path, options: argparse.Namespace) -> None:
    heard: dict[str, float] = {}

    def take(event: api.Event) -> None:
        if isinstance(event, api.LineAdded) and event.live and not event.line.mine:
            heard[event.line.text] = time.monotonic()

    client = Client(ProfileStore.open(profile), take, use_zeroconf=False)
    began = time.monotonic()
    say("began")
    await client.call(api.ConnectCommand(timeout=20))
    await client.call(api.WaitLiveCommand(timeout=120))
    say("live", seconds=time.monotonic() - began, cpu=time.process_time(), memory=memory_mib(os.getpid()))
    if options.idle:
        before = time.process_time()
        await asyncio.sleep(options.idle)
        say("idle", share=(time.process_time() - before) / options.idle, memory=memory_mib(os.getpid()))
    if options.stay:
        await asyncio.Event().wait()
    await client.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("profile", type=Path)
    parser.add_argument("--idle", type=float, default=0.0)
    parser.add_argument("--stay", action="store_true")
    options = parser.parse_args()
    asyncio.run(live(options.profile, options))


if __name__ == "__main__":
    main()
