"""Starts the client's window on a fake network: `python -m tests.support.fake_window --profile DIR --scenario JSON`.

Real settings in DIR; the probe's socket is DIR/probe. The first line on stdout says how many seconds of processor time
it took until the first page was painted.
"""

import argparse
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from lanchat.app.api import Trust
from lanchat.protocol.codes import Registration
from lanchat.store.profile import ProfileStore
from lanchat.ui.assembly import Window
from lanchat.ui.model.entry_model import LaunchOptions
from lanchat.ui.settings.memory import WindowSettings
from tests.support.fake_engine import FakeEngine, Scenario
from tests.support.ui_probe import serve


def scenario_of(text: str) -> Scenario:
    """A scenario from JSON, `{"lines": 2000}`; enumerations by name."""
    values: dict[str, Any] = json.loads(text)
    if "trust" in values:
        values["trust"] = Trust[values["trust"]]
    if "registration" in values:
        values["registration"] = Registration[values["registration"]]
    return Scenario(**values)


def fake_profile(directory: Path, remembered: bool) -> ProfileStore:
    """Real settings; one known server and device in memory."""
    directory.mkdir(parents=True, exist_ok=True)
    real = ProfileStore.open(directory)
    server = SimpleNamespace(log_id=b"\x07" * 16, fingerprint="07" * 32)
    device = SimpleNamespace(user_id=1, user_name="ivan.petrov", display_name="Иван Петров")
    fake = SimpleNamespace(
        settings=real.settings,
        last_server=lambda: server,
        device=lambda log_id: device if remembered else None,
    )
    return cast(ProfileStore, fake)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", type=Path, required=True)
    parser.add_argument("--scenario", type=scenario_of, default=Scenario())
    parser.add_argument("--geometry", default="")
    parser.add_argument("--probe", type=Path)
    options = parser.parse_args()
    memory = WindowSettings(fake_profile(options.profile, options.scenario.remembered))
    if options.geometry:
        memory.geometry = options.geometry
    window = Window(memory, lambda on_event: FakeEngine(on_event, options.scenario), LaunchOptions())
    serve(window.root, options.probe or options.profile / "probe")
    window.root.after_idle(lambda: print(json.dumps({"painted": time.process_time()}), flush=True))
    raise SystemExit(window.run())


if __name__ == "__main__":
    main()
