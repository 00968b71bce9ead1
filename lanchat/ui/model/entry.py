"""From an empty window to a logged-in account: finding a server, judging its identity, log-in. No Tk.

`WindowPage` is what the window shows. Nothing that a person types is sent before the server's identity was accepted; a
server whose key changed ends in `WindowPage.CHANGED`, from which the way leads back, or on when its words were
compared.
"""

from collections.abc import Callable

from lanchat.app import api
from lanchat.app.api import ChangedIdentity, CommandError, ErrorKind, Server, ServerOffer, Trust
from lanchat.core.policy import NO_POLICY, Policy
from lanchat.i18n import _
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.protocol.text.identity import is_invite, parse_invite_untrusted, tidy_address
from lanchat.protocol.text.names import name_key, tidy_name
from lanchat.ui.kit.fields.field_problems import FieldName
from lanchat.ui.kit.fields.forms import NewAccount, address_problem, password_problem, user_problem
from lanchat.ui.model.engine import CommandDispatcher
from lanchat.ui.model.entry_model import LaunchOptions, LoginModel, WindowPage
from lanchat.ui.model.parts import WindowPart
from lanchat.wording.problems import details_text, error_text

_SEARCH_S = 3.0
_SEARCH_AGAIN_MS = 1500
_RETRY_MS = 3000
_ALONE_MS = 1000  # others of the same network answer within milliseconds of the first
# Which field a refusal is about.
_FIELDS = {
    Code.BAD_CREDENTIALS: FieldName.PASSWORD,
    Code.NAME_TAKEN: FieldName.USER,
    Code.NAME_INVALID: FieldName.USER,
    Code.PASSWORD_INVALID: FieldName.PASSWORD,
    Code.EMAIL_INVALID: FieldName.EMAIL,
    Code.INVITE_INVALID: FieldName.INVITE_CODE,
    Code.SETUP_INVALID: FieldName.SETUP_CODE,
    Code.SETUP_NEEDED: FieldName.SETUP_CODE,
    Code.RECOVERY_INVALID: FieldName.RECOVERY_CODE,
}


class LoginFlow:
    """The steps between the pages. `changed` is told what to draw; `later` runs something after milliseconds."""

    def __init__(
        self,
        model: LoginModel,
        new_dispatcher: Callable[[], CommandDispatcher],
        changed: Callable[[WindowPart], None],
        later: Callable[[int, Callable[[], None]], object],
        policy: Policy = NO_POLICY,
    ) -> None:
        """`new_dispatcher` makes one here, and anew when the list of servers is shown: older answers are dropped.
        `policy`: what an administrator fixed."""
        self.model = model
        self.policy = policy
        self._new_dispatcher = new_dispatcher
        self._dispatcher = new_dispatcher()
        self._searching = False
        self._left_out = False
        self._typed = False  # what is connected to was typed or pasted, not found
        self._takes_only = False  # the only server that is found is connected to without a click
        self._first_account = False  # the account that is being created is the server's first
        self._changed = changed
        self._later = later
        self._wishes = LaunchOptions()

    # Beginning

    def begin(self, wishes: LaunchOptions, remembered: bool) -> None:
        """The first page: the conversation when this profile is enrolled, the wished server, else the list."""
        self._wishes = wishes
        self.model.user = wishes.user
        if wishes.names_server:
            self.connect(wishes.address or wishes.invite, wishes.fingerprint)
        elif remembered:
            self._go(WindowPage.CHAT)
            self._return()
        else:
            self._takes_only = True
            self.show_servers()

    def _return(self) -> None:
        """Connects to the server used last, for as long as it takes."""
        self._dispatcher.ask(api.ConnectCommand(), self._returned, self._not_returned)

    def _returned(self, server: Server) -> None:
        self.model.server = server
        self._dispatcher.ask(api.GetOfferCommand(fingerprint=server.fingerprint), self._offered, self._not_returned)

    def _not_returned(self, error: CommandError) -> None:
        if error.kind is ErrorKind.IDENTITY:
            self._refuse_identity(error_text(error), error)
        elif error.kind is ErrorKind.REFUSED:
            self._refused(error)
        elif error.kind is ErrorKind.LOCAL or error.kind is ErrorKind.INVALID:
            self.show_servers(error_text(error))
        elif self.model.page is WindowPage.CHAT:
            self._later(_RETRY_MS, self._try_again)

    def _not_live(self, error: CommandError) -> None:
        # Nothing new can be stored here: what is there is shown, and the state of the link says why.
        if error.kind is not ErrorKind.LOCAL:
            self._not_returned(error)

    def _try_again(self) -> None:
        if self.model.page is WindowPage.CHAT and self.model.offer is None:
            self._return()

    def _refused(self, error: CommandError) -> None:
        """This computer's key is not taken any more: the password is needed again."""
        self.model.error = error_text(error)
        self._dispatcher.ask(
            api.GetOfferCommand(), lambda offer: self._log_in_at(offer, error_text(error)), self._failed
        )

    def lost(self, reason: str) -> None:
        """The server ended this log-in for good (device revoked, account disabled)."""
        self.model.error = reason
        offer = self.model.offer
        if offer:
            self._log_in_at(offer, reason)
        else:
            self.show_servers(reason)

    def _log_in_at(self, offer: ServerOffer, reason: str) -> None:
        self.model.offer, self.model.server = offer, offer.server
        self._go(WindowPage.LOGIN, error=reason)

    # Servers

    def show_servers(self, error: str = "", field: FieldName | None = None) -> None:
        """The list, and a search that goes on while it is shown."""
        self._dispatcher.close()
        self._dispatcher = self._new_dispatcher()
        self._searching = False
        self.model.offer = self.model.server = None
        self._go(WindowPage.SERVERS, error=error, field=field)
        self._search()

    def is_current(self, link: str, last: str) -> bool:
        """Whether a link is of the server that is connected to, else of the one used `last` (its fingerprint)."""
        present = self.model.server.fingerprint if self.model.server else last
        try:
            return parse_invite_untrusted(tidy_address(link)).fingerprint == present
        except ProtocolError:
            return False

    def link_problem(self, link: str) -> str:
        """Why a link from elsewhere cannot be connected to; empty: a person may decide."""
        if problem := address_problem(link):
            return problem
        fixed = self.policy.server
        if fixed is not None and not self.is_current(link, fixed.fingerprint):
            return details_text(ProblemDetails.of(Problem.SERVER_FIXED, file=self.policy.file))
        return ""

    def offer_link(self, link: str) -> None:
        """Puts a link from elsewhere into the field for a server: nothing is connected to before a person says so."""
        link = tidy_address(link)
        problem = self.link_problem(link)
        self.show_servers(problem, FieldName.ADDRESS if problem else None)
        self.model.address = link
        if not problem:
            text = _("A link names the server at {host}. Connect only if you trust where it came from.")
            self.model.done = text.format(host=parse_invite_untrusted(link).host)
        self._changed(WindowPart.ENTRY)

    def _connect_fixed(self) -> None:
        """Connects to the server that an administrator set, when there is one and the page for it is shown."""
        fixed = self.policy.server
        if fixed is not None and self.model.page is WindowPage.SERVERS and not self.model.busy:
            self.connect("", name=fixed.host)

    def _search(self) -> None:
        if self.policy.server is not None:
            self._later(_RETRY_MS if self.model.error else 0, self._connect_fixed)
            return
        if not self.policy.discovery:
            return
        if self.model.page is WindowPage.SERVERS and not self._searching:
            self._searching = True
            self._dispatcher.ask(api.DiscoverCommand(_SEARCH_S), self._searched, lambda error: self._searched([]))

    def _searched(self, servers: list[Server]) -> None:
        model = self.model
        model.round += 1
        for server in servers:
            self.found(server)
        model.drop_lost()
        model.searched = True
        model.left_out, self._left_out = self._left_out, False
        self._searching = False
        self._changed(WindowPart.ENTRY)
        self._later(_SEARCH_AGAIN_MS, self._search)

    def found(self, server: Server) -> WindowPart:
        """A search found a server."""
        self.model.add(server)
        if len(self.model.servers) == 1:
            self._later(_ALONE_MS, self._take_only)
        return WindowPart.ENTRY

    def _take_only(self) -> None:
        """There is nothing to choose from one server."""
        model, found = self.model, self.model.listed()
        if not self._takes_only or len(found) != 1 or found[0].trust is Trust.CHANGED:
            return
        if model.page is WindowPage.SERVERS and not (model.busy or model.error):
            self.choose(found[0])

    def leave_choice(self) -> None:
        """A person has begun to choose a server: none is taken without a click any more."""
        self._takes_only = False

    def servers_left_out(self) -> WindowPart:
        """The search that goes on heard of more servers than it lists."""
        self.model.left_out, self._left_out = True, True
        return WindowPart.ENTRY

    def choose(self, server: Server) -> None:
        """A server of the list. A known one is looked for elsewhere when somebody else has the address."""
        host = f"[{server.host}]" if ":" in server.host else server.host
        fingerprint = server.fingerprint if server.trust is Trust.PINNED else ""
        self.connect(f"{host}:{server.port}", fingerprint, name=server.name)

    def connect(self, address: str, fingerprint: str = "", name: str = "") -> None:
        """Connects to a typed address or an invite link (or, both empty, to what discovery finds). `name`: what the
        search said that it is called."""
        address = tidy_address(address)
        self.leave_choice()
        self._typed = bool(address) and not name
        if self._typed:
            self.model.address = address
        if problem := address_problem(address):
            self._go(WindowPage.SERVERS, error=problem, field=FieldName.ADDRESS)
            return
        invite = address if is_invite(address) else ""
        wishes = self._wishes
        command = api.ConnectCommand(
            "" if invite else address, invite, fingerprint, wishes.accept_new, name=name, accept_own=True
        )
        shown = name or (parse_invite_untrusted(invite).host if invite else address)
        connecting = _("Connecting to {server}…").format(server=shown) if shown else _("Connecting to the server…")
        self._busy(connecting)
        self._dispatcher.ask(command, self._connected, self._not_connected)

    def _not_connected(self, error: CommandError) -> None:
        # A link that somebody pasted may be another server's: that is no sign that a known one has another key.
        linked = self._typed and is_invite(self.model.address) and not isinstance(error, ChangedIdentity)
        if error.kind is ErrorKind.IDENTITY and not linked:
            self._refuse_identity(error_text(error), error)
            return
        field = FieldName.ADDRESS if self._typed else None
        self._failed(error, field)
        if self.model.page is not WindowPage.SERVERS:
            self.show_servers(error_text(error), field)
        else:
            self._search()

    def _connected(self, server: Server) -> None:
        self.model.server = server
        if server.trust is Trust.CHANGED:
            self._refuse_identity()
        elif server.trust is Trust.NEW:
            self._go(WindowPage.IDENTITY)
        else:
            self._busy(_("Checking the server…"))
            self._dispatcher.ask(
                api.GetOfferCommand(fingerprint=server.fingerprint), self._offered, self._not_connected
            )

    def _refuse_identity(self, reason: str = "", error: CommandError | None = None) -> None:
        """The key is another one than it was: nothing goes on by itself."""
        self.model.anew = error.server if isinstance(error, ChangedIdentity) and self.policy.server is None else None
        self._go(WindowPage.CHANGED, error=reason)

    def start_anew(self) -> None:
        """A person compared the words of the server that stands in the place of a known one."""
        server = self.model.anew
        if server is None or self.model.busy:
            return
        self._busy(_("Checking the server…"))
        self._dispatcher.ask(api.StartAnewCommand(server.fingerprint), self._offered, self._failed)

    def accept(self) -> None:
        """A person compared the words of the server's fingerprint and trusts it."""
        server = self.model.server
        if server is None or self.model.busy:
            return
        self._busy(_("Checking the server…"))
        self._dispatcher.ask(api.AcceptIdentityCommand(server.fingerprint), self._offered, self._failed)

    def _offered(self, offer: ServerOffer) -> None:
        self.model.offer, self.model.server = offer, offer.server
        self.model.address = ""
        wanted = self._wishes.user
        if offer.remembered and (not wanted or name_key(wanted) == name_key(offer.remembered)):
            self.model.user = offer.remembered
            self._go(WindowPage.CHAT)
            self._dispatcher.ask(api.WaitLiveCommand(timeout=3600.0), None, self._not_live)
        else:
            self._go(WindowPage.REGISTER if self.model.is_first else WindowPage.LOGIN)

    def open_copy(self, server: Server | None) -> None:
        """Shows what is kept of a server that another one has replaced; None: back to the present server."""
        self._dispatcher.close()
        self._dispatcher = self._new_dispatcher()
        self.model.offer = self.model.server = None
        self._go(WindowPage.CHAT)
        if server is None:
            self._return()
        else:
            self._dispatcher.ask(api.ConnectCommand(fingerprint=server.fingerprint), None, self._not_returned)

    def decline(self) -> None:
        """Back to the list; the connection ends."""
        self._dispatcher.ask(api.DisconnectCommand())
        self.show_servers()

    # Log-in and what belongs to it

    def turn_to(self, page: WindowPage) -> None:
        """Another form of the same server."""
        self._go(page)

    def log_in(self, user: str, password: str, remember: bool) -> None:
        """Sends name and password, or says which of them is wrong or missing. `remember`: the device key is kept."""
        if not self._is_user(user):
            return
        if not password:
            self._problem(_("Please type your password."), FieldName.PASSWORD)
            return
        self.model.user = user = tidy_name(user, joiners=False)
        self._busy(_("Logging in…"))
        self._dispatcher.ask(api.LoginCommand(user, password, remember), self._logged_in, self._failed)

    def register(self, form: NewAccount) -> None:
        """Creates the account, or says what is wrong with the form."""
        if problem := form.problem(self.model.needs_invite, self.model.needs_setup_code):
            self._problem(*problem)
            return
        self.model.user = tidy_name(form.user, joiners=False)
        self._first_account = self.model.is_first
        self._busy(_("Creating the account…"))
        command = api.RegisterCommand(
            form.user.strip(),
            form.password,
            form.email.strip(),
            form.display_name.strip(),
            form.invite_code.strip(),
            form.remember,
            form.setup_code.strip(),
        )
        self._dispatcher.ask(command, self._registered, self._failed)

    def _logged_in(self, account: api.Account) -> None:
        self._go(WindowPage.CHAT)

    def _registered(self, account: api.Account) -> None:
        self._go(WindowPage.INVITE if self._first_account else WindowPage.CHAT)

    def enter_chat(self) -> None:
        """From the page for others to the conversation."""
        self._go(WindowPage.CHAT)

    def recover(self, user: str) -> None:
        """Asks for a code by e-mail; the page for it follows, whether or not there is such an account."""
        if not self._is_user(user):
            return
        self.model.user = tidy_name(user, joiners=False)
        self._busy(_("Asking the server for a code…"))
        self._dispatcher.ask(api.RecoverCommand(self.model.user), lambda nothing: self._code_sent(), self._failed)

    def _code_sent(self) -> None:
        text = _("If this account has an e-mail address, a code is on its way to it. It is valid for a short time.")
        self._go(WindowPage.RECOVER_CODE, done=text)

    def have_code(self, user: str) -> None:
        """The code came another way, or earlier."""
        if not self._is_user(user):
            return
        self.model.user = tidy_name(user, joiners=False)
        self._go(WindowPage.RECOVER_CODE)

    def recover_with(self, code: str, password: str, again: str) -> None:
        """Sets the new password with a code, after which the log-in follows, or says what is wrong with the form."""
        if not code.strip():
            self._problem(_("Please type the code from the e-mail."), FieldName.RECOVERY_CODE)
            return
        if problem := password_problem(password, again):
            alone = password_problem(password, password)
            self._problem(problem, FieldName.PASSWORD if alone else FieldName.AGAIN)
            return
        self._busy(_("Setting the new password…"))
        command = api.RecoverConfirmCommand(self.model.user, code.strip(), password)
        self._dispatcher.ask(command, lambda nothing: self._recovered(), self._failed)

    def _recovered(self) -> None:
        self._go(WindowPage.LOGIN, done=_("The new password is set. Log in with it."))

    def _is_user(self, user: str) -> bool:
        """Whether it may be a user name; says what is wrong with it."""
        problem = user_problem(user)
        if problem:
            self._problem(problem, FieldName.USER)
        return not problem

    # The model

    def _go(self, page: WindowPage, error: str = "", done: str = "", field: FieldName | None = None) -> None:
        self.model.page, self.model.busy, self.model.error, self.model.done = page, "", error, done
        self.model.field = field
        self._changed(WindowPart.PAGE | WindowPart.ENTRY)

    def _busy(self, text: str) -> None:
        self.model.busy, self.model.error, self.model.done, self.model.field = text, "", "", None
        self._changed(WindowPart.ENTRY)

    def _problem(self, text: str, field: FieldName | None = None) -> None:
        self.model.error, self.model.done, self.model.field = text, "", field
        self._changed(WindowPart.ENTRY)

    def _failed(self, error: CommandError, field: FieldName | None = None) -> None:
        text = error_text(error)
        if error.retry_s >= 1:
            text = _("{problem} Try again in {n} s.").format(problem=text, n=round(error.retry_s))
        self.model.busy = ""
        self._problem(text, field or (_FIELDS.get(error.code) if error.code else None))

    def close(self) -> None:
        """Answers that are still under way change nothing any more."""
        self._dispatcher.close()
