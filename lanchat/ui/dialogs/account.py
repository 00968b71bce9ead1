"""Dialogs about one's own account: name and e-mail, password, devices."""

from collections.abc import Hashable

from msgspec.structs import replace

from lanchat.app import api
from lanchat.i18n import _
from lanchat.protocol.limits import DISPLAY_NAME_MAX
from lanchat.ui.dialogs.base import WIDTH, Dialog
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields.forms import password_problem, profile_problem
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.lists.row_list import RowList
from lanchat.ui.lists.rows import ListRow
from lanchat.ui.model.chat import Chat
from lanchat.ui.texts import words


class ProfileDialog(Dialog):
    """Display name and e-mail address; another address needs the password."""

    def __init__(self, tools: Toolkit, chat: Chat) -> None:
        """Opens the dialog."""
        self.title = _("Name and e-mail")
        super().__init__(tools, chat)

    def build(self) -> None:
        """The fields are empty until the server has answered what the account has now."""
        self.text(self.title, ControlStyle.TITLE)
        self._name = self.field(_("Display name"))
        self._name.limit = DISPLAY_NAME_MAX
        self._email = self.field(_("E-mail"), hint=_("Only for a forgotten password; nobody else sees it."))
        self._password = self.field(_("Password, for another e-mail address"), secret=True)
        self._profile = ("", "")
        self.main_button(_("Save"), self._save)
        self.read(api.GetProfileCommand(), self._have, busy=_("Asking the server…"))

    def _have(self, profile: api.AccountProfile) -> None:
        self._profile = profile.display_name, profile.email
        for field, value in zip((self._name, self._email), self._profile, strict=True):
            if not field.get():  # else somebody was faster than the server
                field.set(value)

    def _save(self) -> None:
        name, email = self._name.get().strip(), self._email.get().strip()
        if problem := profile_problem(name, email):
            self.problem(problem)
            return
        # What was not changed is not sent: it may have been changed elsewhere meanwhile.
        old_name, old_email = self._profile
        changes = api.SetProfileCommand(None if name == old_name else name, None if email == old_email else email)
        if changes.email is not None:
            changes = replace(changes, password=self._password.get())
        if changes == api.SetProfileCommand():
            self.close()
        else:
            self.ask(changes, lambda nothing: self._saved(waits=bool(email and old_email and changes.email)))

    def _saved(self, *, waits: bool) -> None:
        self.close()
        if waits:
            self.chat.tell(_("The old address is told; where the server sends mail, the new one waits for three days."))


class PasswordDialog(Dialog):
    """The present password, and twice the new one."""

    def __init__(self, tools: Toolkit, chat: Chat) -> None:
        """Opens the dialog."""
        self.title = _("Change password")
        super().__init__(tools, chat)

    def build(self) -> None:
        """Three secret fields; the new password is judged here before anything is sent."""
        self.text(self.title, ControlStyle.TITLE)
        self._old = self.field(_("Present password"), secret=True)
        self._new = self.field(_("New password, 8 characters or more"), secret=True)
        self._again = self.field(_("The new password again"), secret=True)
        self.main_button(_("Change"), self._change)

    def _change(self) -> None:
        if problem := password_problem(self._new.get(), self._again.get()):
            self.problem(problem)
            return
        self.ask(api.ChangePasswordCommand(self._old.get(), self._new.get()), lambda nothing: self._changed())

    def _changed(self) -> None:
        self.close()
        self.chat.tell(_("The password is changed."))


class DevicesDialog(Dialog):
    """Computers that are logged in for good; one that was lost can be locked out."""

    resizable = True

    def __init__(self, tools: Toolkit, chat: Chat) -> None:
        """Opens the dialog, with an empty list until the server has answered."""
        self.title = _("Devices")
        self._devices: list[api.DeviceInfo] = []
        super().__init__(tools, chat)

    def build(self) -> None:
        """A click on a device that is not locked out yet closes this dialog and opens LockOutDialog."""
        tools, px = self.tools, self.tools.px
        self.text(self.title, ControlStyle.TITLE)
        self.text(
            _("These computers are logged in to your account. Click one that you no longer use to lock it out."),
            ControlStyle.MUTED,
        )
        self._list = RowList(self.body, tools.kit, tools.images, tools.palette.sidebar, two_lines=True)
        self._list.canvas.configure(width=px(WIDTH), height=px(260))
        self._list.frame.pack(fill="both", expand=True)
        self._list.choose = self._revoke
        self.close_button()
        self.read(api.ListDevicesCommand(), self._have, busy=_("Asking the server…"))

    def _have(self, devices: list[api.DeviceInfo]) -> None:
        self._devices = devices
        self._list.show(device_rows(devices))

    def _revoke(self, key: Hashable) -> None:
        device = next((device for device in self._devices if device.id == key), None)
        if device is None or device.revoked:
            return
        self.close()
        name = device.name or device.id[:8]
        LockOutDialog(self.tools, self.chat, device.id, name)


class LockOutDialog(Dialog):
    """Asks for the password: whoever found a computer of this person must not lock out the others."""

    def __init__(self, tools: Toolkit, chat: Chat, device: str, name: str) -> None:
        """`device`: its id; `name`: what the question calls it."""
        self.title = _("Lock out {device}?").format(device=name)
        self._device = device
        self._name = name
        super().__init__(tools, chat)

    def build(self) -> None:
        """What it means to lock the device out, a field for the password, the button that does it."""
        self.text(self.title, ControlStyle.TITLE)
        self.text(_("It is logged out at once, and needs the password to come back."))
        self._password = self.field(_("Your password"), secret=True)
        self.main_button(_("Lock out"), self._lock_out, ControlStyle.DANGER)

    def _lock_out(self) -> None:
        self.ask(api.RevokeDeviceCommand(self._device, self._password.get()), lambda nothing: self._gone())

    def _gone(self) -> None:
        self.close()
        self.chat.tell(_("{device} is locked out.").format(device=self._name))


def device_rows(devices: list[api.DeviceInfo]) -> list[ListRow]:
    """Those in use first, the most recent at the top."""
    ordered = sorted(devices, key=lambda device: (device.revoked, not device.online, -device.last_seen))
    return [
        ListRow(
            device.id,
            glyphs.one_line(device.name, 64) or device.id[:8],
            subtitle=_device_state(device),
            icon="laptop",
            dim=device.revoked,
        )
        for device in ordered
    ]


def _device_state(device: api.DeviceInfo) -> str:
    if device.revoked:
        return _("locked out")
    if device.online:
        return _("online now")
    return f"{words.last_seen(device.last_seen)} · {words.added(device.created_at)}"
