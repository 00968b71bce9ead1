"""The page of people as plain values: accounts, which of them are shown, and what an administrator does. No Tk."""

import time
from collections.abc import Callable

from lanchat.i18n import _, ngettext
from lanchat.protocol.administration import AccountDetails
from lanchat.protocol.codes import Role
from lanchat.ui.administration.list_model import ListModel
from lanchat.ui.administration.page_model import Question
from lanchat.ui.administration.port import AdministrationPort, IssuedCode, Reply
from lanchat.ui.kit.fields.forms import profile_problem
from lanchat.ui.kit.table_rows import TableRow

# Days and people of an invitation code.
INVITE_DAYS = 7
INVITE_USES = 1


def role_names() -> dict[Role, str]:
    """The roles in the language in use, the lowest first."""
    return {Role.MEMBER: _("member"), Role.MODERATOR: _("moderator"), Role.ADMINISTRATOR: _("administrator")}


def moment(milliseconds: int) -> str:
    """A time by this computer's clock; 0: never."""
    if not milliseconds:
        return _("never")
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(milliseconds / 1000))
    except (OverflowError, OSError, ValueError):  # a damaged clock wrote it
        return _("unknown")


class PeopleModel(ListModel[AccountDetails]):
    """`code`: the last code that was made, with what to say about it; None: none is shown."""

    def __init__(self, server: AdministrationPort, changed: Callable[[], None]) -> None:
        """Nothing is asked before `refresh`."""
        super().__init__(changed)
        self._server = server
        self.code: IssuedCode | None = None
        self.code_text = ""

    # What is shown

    @property
    def account(self) -> AccountDetails | None:
        """The one that was chosen."""
        return self._current

    @property
    def count_line(self) -> str:
        """How many accounts there are."""
        count = len(self._entries)
        return ngettext("{count} account", "{count} accounts", count).format(count=count)

    def _texts(self, entry: AccountDetails) -> tuple[str, ...]:
        return (entry.name, entry.display_name, entry.email)

    def _row(self, key: int, entry: AccountDetails) -> TableRow:
        shown = entry.display_name if entry.display_name != entry.name else ""
        state = _("disabled") if entry.disabled else ""
        texts = (entry.name, shown, role_names()[entry.role], state, moment(entry.last_seen_ms))
        return TableRow(key, texts, entry.disabled)

    # What people do

    def ask(self, question: Question, yes: Callable[[str], None]) -> None:
        """A code that was shown makes place for a question."""
        self.code = None
        super().ask(question, yes)

    def refresh(self) -> None:
        """Reads the accounts again."""
        self._read(self._server.list_accounts, self._have)

    def _have(self, accounts: list[AccountDetails]) -> None:
        self._replace_entries((account.id, account) for account in accounts)

    def choose(self, key: int | None) -> None:
        """The account that the actions are about; a code that was shown was not for it."""
        if key != self.chosen:
            self.code = None
        super().choose(key)

    def set_role(self, role: Role) -> None:
        """Gives the chosen account another role."""
        account = self.account
        if account is None or account.role is role:
            return
        text = _("{name} has a new role: {role}").format(name=account.name, role=role_names()[role])
        self._act(lambda password, reply: self._server.set_role(account.id, role, password, reply), self._after(text))

    def rename(self, name: str) -> None:
        """Gives the chosen account another display name; empty: its user name."""
        account = self.account
        if account is None or name.strip() == account.display_name:
            return
        if problem := profile_problem(name, ""):
            self._refuse(problem)
            return
        text = _("The display name was changed.")
        self._act(
            lambda password, reply: self._server.set_display_name(account.id, name, password, reply), self._after(text)
        )

    def ask_disable(self) -> None:
        """Shuts the chosen account out after a question, or lets it in again at once."""
        account = self.account
        if account is None:
            return
        if account.disabled:
            self._disable(account, False)
            return
        text = _("{name} is logged out at once and cannot log in until you enable the account again. Messages stay.")
        self.ask(
            Question(text.format(name=account.name), _("Disable"), danger=True), lambda _p: self._disable(account, True)
        )

    def _disable(self, account: AccountDetails, disabled: bool) -> None:
        text = _("{name} is disabled") if disabled else _("{name} is enabled")
        self._act(
            lambda password, reply: self._server.disable(account.id, disabled, password, reply),
            self._after(text.format(name=account.name)),
        )

    def ask_end_sessions(self) -> None:
        """Logs the chosen account's programs out after a question."""
        account = self.account
        if account is None:
            return
        text = _("All programs of {name} are disconnected now. They may connect again by themselves.")

        def ended(number: int) -> str:
            return ngettext("{number} session was ended.", "{number} sessions were ended.", number).format(
                number=number
            )

        self.ask(
            Question(text.format(name=account.name), _("Disconnect")),
            lambda _p: self._act(lambda password, reply: self._server.end_sessions(account.id, password, reply), ended),
        )

    def ask_delete(self) -> None:
        """Ends the chosen account for good after a question that says what becomes of its messages."""
        account = self.account
        if account is None:
            return
        text = _(
            "{name} is logged out and removed from all rooms; password, e-mail address and display name are erased. "
            "Messages stay in their rooms under the user name, which nobody else can get. This cannot be undone."
        )
        done = _("The account {name} was deleted").format(name=account.name)
        self.ask(
            Question(text.format(name=account.name), _("Delete the account"), danger=True),
            lambda _p: self._act(
                lambda password, reply: self._server.delete_account(account.id, password, reply), self._after(done)
            ),
        )

    def reset_password(self) -> None:
        """Makes a code with which the owner of the chosen account sets a new password."""
        account = self.account
        if account is None:
            return
        text = _("With this code {name} sets a new password, by “Forgot password?”").format(name=account.name)

        def send(password: str, reply: Reply[IssuedCode]) -> None:
            self._server.reset_password(account.id, password, reply)

        self._act(send, lambda code: self._show(code, text))

    def create_invite(self, uses: int = INVITE_USES, days: int = INVITE_DAYS) -> None:
        """Makes a code with which somebody registers."""
        text = ngettext(
            "With this code {uses} person can register", "With this code {uses} people can register", uses
        ).format(uses=uses)

        def send(_password: str, reply: Reply[IssuedCode]) -> None:
            self._server.create_invite(uses, days, reply)

        self._act(send, lambda code: self._show(code, text))

    def _show(self, code: IssuedCode, text: str) -> str:
        until = _("Valid until {time}.").format(time=moment(int(code.not_after * 1000)))
        self.code, self.code_text = code, f"{text}. {until}"
        return ""

    def _after(self, text: str) -> Callable[[None], str]:
        """A code that was shown makes place for what is said."""
        read_again = super()._after(text)

        def changed(nothing: None) -> str:
            self.code = None
            return read_again(nothing)

        return changed
