"""Starts the client's window on the real network, with a probe for tests: `python -m tests.support.real_window`."""

import argparse
import json
import time
from pathlib import Path

from lanchat.store.policy import read_policy
from lanchat.store.profile import ProfileStore
from lanchat.ui.launch import open_window
from lanchat.ui.model.entry_model import LaunchOptions
from tests.support.ui_probe import serve


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", type=Path, required=True)
    parser.add_argument("--probe", type=Path, required=True)
    parser.add_argument("--server", default="")
    parser.add_argument("--invite", default="")
    parser.add_argument("--fingerprint", default="")
    parser.add_argument("--geometry", default="")
    parser.add_argument("--discovery-port", type=int)
    parser.add_argument("--policy", type=Path, action="append", default=[])
    options = parser.parse_args()
    profile = ProfileStore.open(options.profile)
    if options.geometry:
        profile.settings.set("geometry", options.geometry)
    wishes = LaunchOptions(options.server, options.invite, options.fingerprint)
    window = open_window(profile, wishes, options.discovery_port, read_policy(options.policy))
    serve(window.root, options.probe)
    window.root.after_idle(lambda: print(json.dumps({"painted": time.process_time()}), flush=True))
    raise SystemExit(window.run())


if __name__ == "__main__":
    main()
