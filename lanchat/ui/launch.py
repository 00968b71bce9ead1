"""Starts the client's window on a profile, with the real network behind it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanchat.app import api
from lanchat.core.policy import NO_POLICY, Policy
from lanchat.core.ports import LocalStoreError
from lanchat.i18n import _, set_language
from lanchat.platform.programs.instance import Instance, call_first, hold_mutex
from lanchat.platform.programs.taskbar import CLIENT_ID, name_program
from lanchat.ui.assembly import Window
from lanchat.ui.model.engine import Engine, LateEngine
from lanchat.ui.model.entry_model import LaunchOptions
from lanchat.ui.settings.memory import WindowSettings
from lanchat.wording.problems import error_text

# Setups look for it, to see whether a window is open.
MUTEX = "LANChatWindow"

if TYPE_CHECKING:
    from lanchat.store.profile import ProfileStore


def run(
    profile_directory: Path,
    *,
    server: str = "",
    invite: str = "",
    fingerprint: str = "",
    accept_new: bool = False,
    user: str = "",
    discovery_port: int | None = None,
    policy: Policy = NO_POLICY,
    link: str = "",
    hidden: bool = False,
) -> int:
    """Opens the window on a profile and stays until it is closed; returns the exit code. A window of this profile that
    is open already is raised instead, and shown `link`. `hidden`: begins as an icon."""
    from lanchat.store.profile import ProfileStore

    set_language(policy.language or None)
    name_program(CLIENT_ID)
    try:
        profile = ProfileStore.open(profile_directory)
    except LocalStoreError as error:
        return _no_profile(error_text(error))
    instance = Instance.claim(profile.directory)
    if instance is None:
        if hidden or call_first(profile.directory, link):
            return 0
        return _no_profile(_("LAN Chat is open already for this profile, and its window does not answer"))
    hold_mutex(MUTEX)
    wishes = LaunchOptions(server, invite, fingerprint, accept_new, user, link, hidden)
    window = open_window(profile, wishes, discovery_port, policy)
    instance.listen(window.call)
    try:
        return window.run()
    finally:
        instance.close()


def open_window(
    profile: "ProfileStore", wishes: LaunchOptions, discovery_port: int | None = None, policy: Policy = NO_POLICY
) -> "Window":
    """The window on a profile, with the real network behind it."""

    def make_engine(on_event: Callable[[api.Event], None]) -> Engine:
        return LateEngine(lambda: _network(profile, on_event, discovery_port, policy))

    return Window(WindowSettings(profile, policy), make_engine, wishes)


def _network(
    profile: "ProfileStore", on_event: Callable[[api.Event], None], discovery_port: int | None, policy: Policy
) -> Engine:
    from lanchat.app.thread import ClientThread

    options: dict[str, Any] = {"policy": policy}
    if discovery_port is not None:
        options["discovery_port"] = discovery_port
    return ClientThread(profile, on_event, **options)


def _no_profile(reason: str) -> int:
    import tkinter as tk
    from tkinter import messagebox

    root = tk.Tk()
    root.withdraw()
    messagebox.showerror("LAN Chat", reason)
    root.destroy()
    return 1
