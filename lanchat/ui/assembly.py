"""The window of the client: one Tk root, the network's thread behind it, and one page at a time in it.

launch.py makes it for the command line. `Window` holds what lives as long as the window: fonts, pictures, model and
commands. A page is made anew when theme, language or text size change; nothing is kept in widgets.
"""

import contextlib
import logging
import signal
import sys
import threading
import time
import tkinter as tk
from collections.abc import Callable
from functools import partial
from types import TracebackType

from lanchat.app import api
from lanchat.app.api import LinkState
from lanchat.app.command_errors import broken
from lanchat.core.policy import LANGUAGE, TEXT_SIZE, THEME, Policy
from lanchat.core.ports import LocalStoreError
from lanchat.i18n import language, set_language
from lanchat.platform.programs.console import stopping_with_console
from lanchat.platform.programs.interrupts import STOP_SIGNALS
from lanchat.platform.programs.notifications import Notifier
from lanchat.protocol.text.identity import tidy_address
from lanchat.ui import dialogs
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.images import Images
from lanchat.ui.kit.fields import field_menu
from lanchat.ui.kit.fonts import SIZES, Fonts
from lanchat.ui.kit.keys import shortcuts
from lanchat.ui.kit.program_icon import set_icon
from lanchat.ui.kit.styles import Styles
from lanchat.ui.kit.theme import PALETTES
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.kit.wakeup import PostedQueue, Wakeup
from lanchat.ui.menus.keys import KEYS, Action, shortcut_keys
from lanchat.ui.menus.keys import sequence as key_sequence
from lanchat.ui.model.attention import Attention
from lanchat.ui.model.chat import Chat
from lanchat.ui.model.chat_model import ChatModel, Draft
from lanchat.ui.model.emoji_rows import recent_of
from lanchat.ui.model.engine import (
    CommandDispatcher,
    CommandResult,
    Engine,
    EventsDropped,
    Item,
    WindowCall,
    can_be_read_again,
)
from lanchat.ui.model.entry import LoginFlow
from lanchat.ui.model.entry_model import LaunchOptions, LoginModel, WindowPage
from lanchat.ui.model.parts import WindowPart
from lanchat.ui.pages import registry
from lanchat.ui.settings.memory import WindowSettings
from lanchat.ui.settings.placement import Placement
from lanchat.ui.texts import words
from lanchat.ui.texts.state_words import state_line
from lanchat.wording.problems import details_text, error_text

log = logging.getLogger(__name__)

STOP_TIMEOUT = 0.7  # seconds for the network's goodbye
IDLE_AFTER = 300.0  # seconds without a key or the mouse: the person is away
_IDLE_CHECK_MS = 5000
_SAVE_MS = 20_000  # so much of a draft is lost at most when the power goes
_SIZE = (1120, 720)
_MINIMUM = (520, 460)

MakeEngine = Callable[[Callable[[api.Event], None]], Engine]


class Window:
    """The window and what lives as long as it does. Main thread; one per process."""

    def __init__(self, memory: WindowSettings, make_engine: MakeEngine, wishes: LaunchOptions) -> None:
        """`make_engine` is called here, once, with what takes events from any thread; `run` starts the engine."""
        self._memory = memory
        self._wishes = wishes
        set_language(memory.language or None)
        self.root = _make_root()
        self.root.report_callback_exception = self._callback_failed
        self._fonts = Fonts(self.root, memory.text_size)
        glyphs.protect(self.root.tk.call("tk", "windowingsystem") == "x11", self._fonts.draws)
        self._images = Images(self.root, self._fonts.px)
        self._styles = Styles(self.root, self._fonts.px)
        self._theme = memory.theme if memory.theme in PALETTES else "light"
        self._wakeup: Wakeup[Item] = Wakeup(self.root, self._take, PostedQueue(can_be_read_again, EventsDropped()))
        self._engine = make_engine(self._wakeup.post)
        self._model = ChatModel(time.time)
        self._entry = LoginModel()
        self._chat = Chat(self._model, self._new_dispatcher, self.changed, self._later)
        self._chat.logged_out = self._logged_out
        self._flow = LoginFlow(self._entry, self._new_dispatcher, self.changed, self._later, memory.policy)
        self._attention, self._notifier = Attention(time.monotonic), Notifier()
        self._page: registry.PageView | None = None
        self._shown: WindowPage | None = None
        self._pending = WindowPart.NONE
        self._drawing = ""
        self._touched = time.monotonic()
        self._active = True
        self._closed = False
        self._prepare_root()
        self._rebuild()

    def _prepare_root(self) -> None:
        root, px = self.root, self._fonts.px
        root.title("LAN Chat")
        usual, minimum = (px(_SIZE[0]), px(_SIZE[1])), (px(_MINIMUM[0]), px(_MINIMUM[1]))
        self._placement = Placement(root, self._memory, usual, minimum)
        root.protocol("WM_DELETE_WINDOW", self.quit)
        set_icon(root, "lanchat")
        for sequence in ("<KeyPress>", "<ButtonPress>", "<Motion>"):
            root.bind_all(sequence, self._noticed, add="+")
        root.bind("<FocusIn>", lambda event: self._focus_changed())
        root.bind("<FocusOut>", lambda event: root.after_idle(self._focus_changed))
        shortcuts.install(root, shortcut_keys())
        field_menu.install(root)
        for key in KEYS:  # the conversation's page has the others
            if key.action is Action.QUIT:
                root.bind(key_sequence(key), lambda event: self.quit())

    # Life

    def run(self) -> int:
        """Shows the window until it is closed; returns the exit code."""
        self._begin()
        if self._wishes.hidden:
            self.root.iconify()
        self.root.update_idletasks()
        self._engine.start()
        self._catch_signals()
        self.root.after(_IDLE_CHECK_MS, self._check_idle)
        self.root.after(_SAVE_MS, self._save_often)
        with stopping_with_console(partial(signal.raise_signal, signal.SIGTERM)):
            self.root.mainloop()
        return 0

    def _begin(self) -> None:
        account = None
        try:
            account = self._memory.remembered()
        except LocalStoreError as error:
            self._model.notice(error_text(error))
        if account and not self._wishes.names_server:
            self._model.account = account
            self._chat.want_room(self._memory.last_room())
            self._take_kept()
        self._flow.begin(self._wishes, account is not None)
        if self._memory.notice:
            self._model.notice(self._memory.notice)
            self._entry.error = self._entry.error or self._memory.notice
        if self._entry.page is WindowPage.CHAT:
            self._chat.refresh()
        self._draw()
        if self._wishes.link:
            self.call(self._wishes.link)

    def _catch_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                # Not at once: the handler may run in the middle of anything.
                signal.signal(number, lambda number, frame: self.root.after(0, self.quit))
            self._wakeup.ring_on_signals()

    def quit(self) -> None:
        """Ends the program: what was chosen and not sent is kept, the network says goodbye."""
        if self._closed:
            return
        self._closed = True
        self._placement.keep()
        self.root.withdraw()
        self.root.update_idletasks()
        self._save()
        self._chat.close()
        self._flow.close()
        self._wakeup.close()
        self._notifier.close()
        with contextlib.suppress(TimeoutError):
            self._engine.stop(STOP_TIMEOUT)
        self.root.destroy()

    def _save(self) -> None:
        """Settings, last room and drafts. A disk that fails must not keep the window open."""
        model = self._model
        try:
            if self._entry.page is WindowPage.CHAT:
                self._memory.keep_room(model.current)
                drafts = {
                    room: draft.before if draft.editing else draft.text
                    for room, draft in model.drafts.items()
                    if (draft.before if draft.editing else draft.text).strip()
                }
                self._memory.keep_drafts(model.me, drafts)
                self._memory.recent_emoji = " ".join(model.recent_emoji)
                self._memory.keep_room_choices(model.me, model.choices)
            self._memory.save()
        except LocalStoreError as error:
            log.warning("settings were not saved: %s", error)

    def _save_often(self) -> None:
        if not self._closed:
            self._save()
            self.root.after(_SAVE_MS, self._save_often)

    def _take_kept(self) -> None:
        self._model.recent_emoji = recent_of(self._memory.recent_emoji)
        self._model.choices = self._memory.room_choices(self._model.me)
        for room, text in self._memory.drafts(self._model.me).items():
            if room not in self._model.drafts:
                self._model.drafts[room] = Draft(text)

    # Further starts

    def call(self, link: str) -> None:
        """A further start asks for the window, and to show a link, which may be empty. Any thread."""
        self._wakeup.post(WindowCall(link))

    def _called(self, link: str) -> None:
        root = self.root
        root.deiconify()
        root.lift()
        root.attributes("-topmost", True)  # above the others, once
        root.after_idle(root.attributes, "-topmost", False)
        root.focus_force()
        if not link or self._flow.is_current(link, self._memory.fingerprint()):
            return
        if self._entry.page is not WindowPage.CHAT:
            self._flow.offer_link(link)
        elif problem := self._flow.link_problem(link):
            self.changed(self._model.notice(problem))
        else:
            dialogs.other_server(self._tools, self._chat, link, lambda: self._flow.connect(link))

    # Network

    def _new_dispatcher(self) -> CommandDispatcher:
        return CommandDispatcher(self._engine, self._wakeup.post)

    def _later(self, milliseconds: int, run: Callable[[], None]) -> None:
        self.root.after(milliseconds, lambda: None if self._closed else run())

    def _take(self, items: list[Item]) -> None:
        """Events and answers, in order; what they change is drawn once."""
        for item in items:
            if self._closed:
                return
            try:
                self._take_one(item)
            except Exception as error:
                # Those behind it are somebody's answers.
                self._callback_failed(type(error), error, error.__traceback__)

    def _take_one(self, item: Item) -> None:
        match item:
            case CommandResult():
                item.deliver()
            case EventsDropped():
                self._chat.read_again()
            case WindowCall():
                self._called(tidy_address(item.link))
                self._chat.open_known(item.room)
            case _:
                self.changed(self._apply(item))

    def _apply(self, event: api.Event) -> WindowPart:
        if isinstance(event, api.ServerFound):
            return self._flow.found(event.server)
        if isinstance(event, api.ServersLeftOut):
            return self._flow.servers_left_out()
        if told := self._attention.notice(self._model, event):
            call = WindowCall(room=told.room)
            self._notifier.show(told.title, told.text, lambda: self._wakeup.post(call))
        part = self._chat.apply(event)
        if isinstance(event, api.AccountLoggedIn) and not self._model.current:
            self._chat.want_room(self._memory.last_room())
            self._take_kept()
        elif (
            isinstance(event, api.StateChanged)
            and event.state is LinkState.REFUSED
            and self._entry.page is WindowPage.CHAT
        ):
            self._flow.lost(details_text(event.reason) or state_line(event, ""))
        return part

    def _logged_out(self) -> None:
        self._forget_account()
        self._flow.show_servers()

    def _forget_account(self) -> None:
        """Nothing of the account is shown any more; its texts that were not sent are kept."""
        self._save()
        self._chat.close()
        self._model = ChatModel(time.time)
        self._chat = Chat(self._model, self._new_dispatcher, self.changed, self._later)
        self._chat.logged_out = self._logged_out
        self._shown = None

    def open_copy(self, server: api.Server | None) -> None:
        """Shows what is kept of a server that another one has replaced; None: back to the present server."""
        self._forget_account()
        self._flow.open_copy(server)

    # Drawing

    def changed(self, part: WindowPart) -> None:
        """Something has to be drawn again; several changes are drawn together."""
        self._pending |= part
        if self._pending and not self._drawing and not self._closed:
            self._drawing = self.root.after_idle(self._draw)

    def _draw(self) -> None:
        if self._drawing:
            self.root.after_cancel(self._drawing)
            self._drawing = ""
        part, self._pending = self._pending, WindowPart.NONE
        if self._closed:
            return
        if WindowPart.PAGE in part and self._entry.page is not self._shown:
            self._rebuild()
        elif self._page:
            self._page.update(part)
        self._show_title()

    def _rebuild(self) -> None:
        """The page from its beginning, in the present language, theme and size."""
        palette = PALETTES[self._theme]
        self._styles.use(palette)
        tools = self._tools = Toolkit(self.root, self._fonts.kit(palette), self._images)
        old, again = self._page, self._shown is self._entry.page
        kept = old.kept() if old and again else []
        if old:
            old.leave()
        self._shown = self._entry.page
        self._page = registry.make(self._shown, tools, self.root, self._flow, self._chat, self)
        self._page.restore(kept)
        self._page.frame.pack(fill="both", expand=True)
        if old:
            old.frame.destroy()
        self._page.focus()

    def _show_title(self) -> None:
        model = self._model
        title = "LAN Chat"
        if self._entry.page is WindowPage.CHAT and model.room:
            title = f"{glyphs.one_line(words.room_title(model.room), 60)} — {title}"
            if model.unread:
                title = f"({model.unread}) {title}"
        if title != self.root.title():
            self.root.title(title)

    # What every page offers

    @property
    def policy(self) -> Policy:
        """What an administrator fixed on this computer."""
        return self._memory.policy

    def switch_language(self) -> None:
        """The other language, at once and from now on."""
        if self.policy.fixes(LANGUAGE):
            return
        self._memory.language = set_language("en" if language() == "ru" else "ru")
        self._save()
        self._rebuild()

    def switch_theme(self) -> None:
        """Light or dark, at once and from now on."""
        if self.policy.fixes(THEME):
            return
        self._memory.theme = self._theme = "light" if self._theme == "dark" else "dark"
        self._save()
        self._rebuild()

    def resize_text(self, step: int | None) -> None:
        """Larger or smaller text; None: the usual size."""
        if self.policy.fixes(TEXT_SIZE):
            return
        present = min(SIZES, key=lambda size: abs(size - self._memory.text_size))
        index = SIZES.index(present) + (step or 0)
        size = 0 if step is None else SIZES[max(0, min(index, len(SIZES) - 1))]
        self._memory.text_size = size
        self._fonts.enlarge(size)
        self._save()
        self._rebuild()

    # Attention

    def _noticed(self, event: "tk.Event[tk.Misc]") -> None:
        self._touched = time.monotonic()
        if not self._active:
            self._set_active(True)

    def _check_idle(self) -> None:
        if self._closed:
            return
        if self._active and time.monotonic() - self._touched > IDLE_AFTER:
            self._set_active(False)
        self.root.after(_IDLE_CHECK_MS, self._check_idle)

    def _set_active(self, active: bool) -> None:
        self._active = active
        if self._model.account:
            self._chat.set_active(active)

    def _focus_changed(self) -> None:
        if self._closed:
            return
        # Tk cannot name a widget of a menu that is just closing.
        with contextlib.suppress(KeyError):
            self._model.focused = self.root.focus_displayof() is not None
            if self._model.focused and self._page:
                self._page.attend()

    def _callback_failed(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.error("an error in the window", exc_info=(kind, error, trace))
        self.changed(self._model.notice(error_text(broken())))


def _make_root() -> tk.Tk:
    """The root with ttkbootstrap's engine. Tk puts it on the screen at the first idle moment; until `Window.run` there
    is none, so that it never stands there empty."""
    import ttkbootstrap

    if sys.platform.startswith("linux"):
        # The class names the program to window managers.
        return ttkbootstrap.App(title="LAN Chat", iconphoto=None, className="Lanchat")
    return ttkbootstrap.App(title="LAN Chat", iconphoto=None)
