"""Before log-in: hello, register, log in by password or device key, forgotten passwords.

What a stranger learns here is the same whether or not an account exists: the same answers, after the same work.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from lanchat import __version__
from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Registration, Role, Setup
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import PROTOCOL_VERSION, Limits
from lanchat.protocol.log import keys
from lanchat.protocol.text.names import check_password, clean_display_name, clean_email, clean_user_name, name_key
from lanchat_server.core.accounts import accounts, recovery
from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.limits.allowance import AllowanceHolder, AllowanceKind, by_user
from lanchat_server.core.limits.spending import spend_daily
from lanchat_server.core.limits.throttle import network_of
from lanchat_server.core.model import DeviceRow, RoomKeyRow, UserRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.passwords import HasherBusy
from lanchat_server.service.context import RequestContext
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.requests.acting import check_active
from lanchat_server.service.requests.reseeding import restored_device

T = TypeVar("T")

log = logging.getLogger(__name__)


async def hello(context: RequestContext, connection: ClientConnection, operation: wire.Hello) -> wire.Welcome:
    """Who the server is, and a fresh challenge."""
    if PROTOCOL_VERSION not in operation.versions:
        raise Refused(Code.VERSION, f"this is lanchat {__version__}, protocol {PROTOCOL_VERSION}")
    connection.challenge = context.entropy.token_bytes(32)
    config = context.config
    log = context.directory.log
    announced = {name: getattr(config, name) for name in Limits.__struct_fields__ if hasattr(config, name)}
    return wire.Welcome(
        PROTOCOL_VERSION,
        config.name,
        log.log_id,
        log.epoch,
        context.log_public_key,
        connection.challenge,
        config.registration,
        context.credentials.mailer.enabled,
        Limits(**announced),
        context.wall_ms(),
        _setup(context, connection),
    )


def _setup(context: RequestContext, connection: ClientConnection) -> Setup:
    if context.directory.users or context.core.reseeding.is_open:
        return Setup.NONE
    return Setup.HERE if connection.local else Setup.CODE


async def register(context: RequestContext, connection: ClientConnection, operation: wire.Register) -> wire.LoggedIn:
    """A new account with its first device."""
    challenge = _challenge(connection)
    _check_enrolment(context, operation.enrolment, challenge)
    name, display_name, email = _new_account(operation)
    _throttle(context, name, connection)
    try:
        # Whoever may not register costs no hash. The transaction looks again: others may be under way.
        _check_registration(context, connection, operation)
    except Refused as refused:
        if refused.code is Code.SETUP_INVALID:
            _count_failure(context, name, connection, "wrong set-up code")
        raise
    # Where a code is needed, only who has one learns which names exist: there the transaction looks, after the code.
    if context.config.registration is not Registration.INVITE and context.directory.is_like_a_user(name):
        raise Refused(Code.NAME_TAKEN, "name taken")
    context.check_place(0)
    context.check_disk()
    # Counted here too, before the password is hashed: else many at once would all find room.
    network = network_of(connection.address)
    if wait := context.credentials.accounts_tried.take(network, context.now()):
        raise Refused(Code.LIMIT_REACHED, "too many accounts today", wait)
    new = accounts.NewUser(name, display_name, email, await _hash(context, operation.password), Role.MEMBER)

    def job(tx: Transaction) -> DirectoryChange[tuple[UserRow, DeviceRow]]:
        _check_registration(context, connection, operation)
        now_ms = context.wall_ms()
        _use_invite(context, tx, operation.invite_code, now_ms)
        spend_daily(
            tx, AllowanceHolder(AllowanceKind.ACCOUNTS, network.encode()), context.config.accounts_per_day, now_ms
        )
        added = accounts.add_user(tx, context.directory, new, now_ms)
        enrolled = _enrol(context, tx, added.value, operation.enrolment, now_ms)
        return together((added.value, enrolled.value), added, enrolled)

    user, device = await context.writer.transact(job)
    connection.proven = context.now()
    context.credentials.throttle.succeeded(name_key(user.name), connection.address, context.now())
    context.notices.member_joined(context.directory.general().id, user.id)
    return context.open_session(connection, user, device)


def _new_account(operation: wire.Register) -> tuple[str, str, str]:
    """User name, display name and e-mail address of an account to be made; raises Refused."""
    name = _clean(clean_user_name, operation.user, Code.NAME_INVALID)
    display_name = _clean(clean_display_name, operation.display_name or name, Code.NAME_INVALID)
    email = _clean(clean_email, operation.email, Code.EMAIL_INVALID) if operation.email else ""
    _clean(check_password, operation.password, Code.PASSWORD_INVALID)
    return name, display_name, email


def _check_registration(context: RequestContext, connection: ClientConnection, operation: wire.Register) -> None:
    """Raise Refused unless this connection may make an account now."""
    mode = context.config.registration
    if context.core.reseeding.is_open and not context.directory.users:
        raise Refused(Code.BUSY, "the accounts are to come back first", 5.0)
    if not context.directory.users:
        if not connection.local and not operation.setup_code.strip():
            raise Refused(Code.SETUP_NEEDED, "the first account is made on the server's computer, or with its code")
        if not connection.local and not context.credentials.setup.is_right(operation.setup_code):
            raise Refused(Code.SETUP_INVALID, "wrong set-up code")
    elif operation.setup_code.strip():
        # Whoever comes with it means to become the administrator.
        raise Refused(Code.SETUP_INVALID, "the set-up code is void: there is an account")
    elif mode is Registration.CLOSED:
        raise Refused(Code.REGISTRATION_CLOSED, "registration is closed")
    elif mode is Registration.INVITE and not operation.invite_code.strip():
        raise Refused(Code.INVITE_INVALID, "a registration code is needed")


def _use_invite(context: RequestContext, tx: Transaction, code: str, now_ms: int) -> None:
    """Where people register by code, but for the first of all: take one use of it."""
    if context.config.registration is not Registration.INVITE or not context.directory.users:
        return
    if not tx.use_invite(recovery.invite_hash(context.directory.log.log_id, code), now_ms):
        raise Refused(Code.INVITE_INVALID, "no such registration code")


async def login_password(
    context: RequestContext, connection: ClientConnection, operation: wire.LoginPassword
) -> wire.LoggedIn:
    """Log in and enrol this device."""
    challenge = _challenge(connection)
    _check_enrolment(context, operation.enrolment, challenge)
    _throttle(context, operation.user, connection)
    user = context.directory.user_named(operation.user)
    await _check_password(context, connection, operation.user, operation.password, user)
    assert user is not None
    if user.disabled:
        raise Refused(Code.ACCOUNT_DISABLED, "account disabled")
    connection.proven = context.now()
    new_hash = None
    if context.credentials.hasher.needs_rehash(user.password_hash):
        new_hash = await _hash(context, operation.password)
    elif (known := _as_it_is(context, user, operation.enrolment)) is not None:
        # A new password that is under way ends this session, as it ends all others.
        check_password_unchanged(context, user)
        return context.open_session(connection, user, known)
    # Else a log-in that fails for want of a place would leave a device that nobody has the key of.
    context.check_place(user.id, by_password=True)

    def job(tx: Transaction) -> DirectoryChange[DeviceRow]:
        present = check_password_unchanged(context, user)
        enrolled = _enrol(context, tx, present, operation.enrolment, context.wall_ms())
        if new_hash is None:
            return enrolled
        rehashed = accounts.update_user(tx, context.directory, user.id, password_hash=new_hash)
        return together(enrolled.value, enrolled, rehashed)

    device = await context.writer.transact(job)
    return context.open_session(connection, user, device)


def check_password_unchanged(context: RequestContext, user: UserRow) -> UserRow:
    """For what rests on a password that was looked at before: the account as it is now. Raises Refused when the
    password was changed since, or the account disabled: else whoever is being locked out would come in yet."""
    present = context.directory.users[user.id]
    if present.disabled:
        raise Refused(Code.ACCOUNT_DISABLED, "account disabled")
    if present.password_hash != user.password_hash:
        raise Refused(Code.BUSY, "the password was changed meanwhile", 0.5)
    return present


def _as_it_is(context: RequestContext, user: UserRow, enrolment: wire.Enrolment) -> DeviceRow | None:
    """This device, when it is enrolled for `user` and there is nothing to write."""
    known = context.directory.devices.get(keys.device_id(enrolment.public_key))
    mine = known is not None and known.user == user.id and not known.revoked_ms
    return known if known is not None and mine and context.certificate_is_fresh(known) else None


def _enrol(
    context: RequestContext, tx: Transaction, user: UserRow, enrolment: wire.Enrolment, now_ms: int
) -> DirectoryChange[DeviceRow]:
    directory = context.directory
    if keys.device_id(enrolment.public_key) not in directory.devices:
        spend_daily(tx, by_user(AllowanceKind.DEVICES, user.id), accounts.DEVICES_PER_DAY, now_ms)
    certificate = accounts.certify(directory, context.keys.log_key, user, enrolment.public_key, now_ms)
    return accounts.enrol_device(tx, directory, user, enrolment, certificate, now_ms)


async def login_device(
    context: RequestContext, connection: ClientConnection, operation: wire.LoginDevice
) -> wire.LoggedIn:
    """Log in by possession of an enrolled key: no password, nothing to guess."""
    challenge = _challenge(connection)
    device = context.directory.devices.get(operation.device)
    if device is None:
        device = await restored_device(context, operation.device, operation.certificate)
    if device is None or device.revoked_ms:
        raise Refused(Code.DEVICE_REVOKED, "unknown or revoked device")
    proof = keys.LOGIN_CONTEXT + _bound(context, challenge)
    try:
        keys.check_signature(device.public_key, operation.signature, proof)
    except ProtocolError as error:
        context.metrics.login_failures += 1
        raise Refused(Code.BAD_CREDENTIALS, "bad signature") from error
    user = context.directory.users[device.user]
    if user.disabled:
        raise Refused(Code.ACCOUNT_DISABLED, "account disabled")
    context.credentials.throttle.seen(name_key(user.name), connection.address)
    if context.certificate_is_fresh(device):
        return context.open_session(connection, user, device)

    def job(tx: Transaction) -> DirectoryChange[DeviceRow]:
        owner, present = check_active(context.directory, user.id, device.id)
        now_ms = context.wall_ms()
        certificate = accounts.certify(context.directory, context.keys.log_key, owner, device.public_key, now_ms)
        return accounts.renew_device(tx, context.directory, present, certificate)

    return context.open_session(connection, user, await context.writer.transact(job))


async def recover(context: RequestContext, connection: ClientConnection, operation: wire.Recover) -> wire.Done:
    """Mail a code. The same answer, as quick, whether or not the account and its address exist."""
    if connection.challenge is None:
        raise Refused(Code.BAD_REQUEST, "hello first")
    _throttle(context, operation.user, connection)
    # Counts like a wrong password until a right code forgives it: else anybody could fill a mailbox, and void the code
    # that was just mailed, again and again.
    context.credentials.throttle.failed(name_key(operation.user), connection.address, context.now())
    user = context.directory.user_named(operation.user)
    if user is not None and user.email and not user.disabled and context.credentials.mailer.enabled:
        context.background(_send_code(context, user))
    return wire.Done()


async def _send_code(context: RequestContext, user: UserRow) -> None:
    """A fresh code for this account, to the address that it has now; an older one is void."""
    code = recovery.make_code(context.entropy.token_bytes(recovery.CODE_RANDOM_OCTETS))

    def job(tx: Transaction) -> DirectoryChange[str]:
        settled = accounts.settle_email(tx, context.directory, user.id, context.wall_ms())
        present = settled.value
        if present.disabled or not present.email:
            return together("", settled)
        tx.set_recovery(recovery.new_recovery(context.directory.log.log_id, user.id, code, context.wall_ms()), user.id)
        return together(present.email, settled)

    email = await context.writer.transact(job)
    if email:
        await context.credentials.mailer.send_code(email, user.name, code, context.config.name, recovery.CODE_MINUTES)


async def recover_confirm(
    context: RequestContext, connection: ClientConnection, operation: wire.RecoverConfirm
) -> wire.Done:
    """A new password for the right code. The account's sessions end, and its devices when asked for."""
    if connection.challenge is None:
        raise Refused(Code.BAD_REQUEST, "hello first")
    _clean(check_password, operation.new_password, Code.PASSWORD_INVALID)
    _throttle(context, operation.user, connection)
    user = context.directory.user_named(operation.user)
    # Hashed before the code is looked at, so that time does not tell whether it was right.
    password_hash = await _hash(context, operation.new_password)
    rotated = await _use_code(context, user, operation, password_hash)
    if rotated is None:
        _count_failure(context, operation.user, connection, "wrong recovery code")
        raise Refused(Code.RECOVERY_INVALID, "wrong or expired code")
    assert user is not None
    context.credentials.throttle.succeeded(name_key(user.name), connection.address, context.now())
    context.connections.end_sessions(user.id, None, "password changed")
    context.notices.room_keys_changed(key.room for key in rotated)
    return wire.Done()


async def _use_code(
    context: RequestContext, user: UserRow | None, operation: wire.RecoverConfirm, password_hash: str
) -> list[RoomKeyRow] | None:
    """The code was right, it is used up and the password is set: room keys that were replaced. None: it was not.
    Without a user the same look-up is made."""

    def job(tx: Transaction) -> DirectoryChange[list[RoomKeyRow] | None]:
        now_ms = context.wall_ms()
        row = tx.recovery(user.id if user else 0)
        if user is None:
            return together(None)
        if not recovery.is_right(row, context.directory.log.log_id, operation.code, now_ms):
            if row is not None:
                tx.set_recovery(recovery.after_wrong_try(row), user.id)
            return together(None)
        changed = accounts.set_password(tx, context.directory, user.id, password_hash)
        if not operation.revoke_devices:
            return together([], changed)
        revoked = context.revocation(tx, user.id)
        return together(revoked.value, changed, revoked)

    return await context.writer.transact(job)


# --- Checks ----------------------------------------------------------------------------------------------------------


async def _check_password(
    context: RequestContext, connection: ClientConnection, name: str, password: str, user: UserRow | None
) -> None:
    """Raise Refused unless this is the account's password. Unknown names cost the same time and get the same answer."""
    try:
        right = await context.credentials.hasher.verify(password, user.password_hash if user else None)
    except HasherBusy as busy:
        raise Refused(Code.BUSY, "too many log-ins wait", 2.0) from busy
    if not right:
        _count_failure(context, name, connection, "wrong password")
        raise Refused(Code.BAD_CREDENTIALS, "wrong name or password")
    context.credentials.throttle.succeeded(name_key(name), connection.address, context.now())


async def _hash(context: RequestContext, password: str) -> str:
    try:
        return await context.credentials.hasher.hash(password)
    except HasherBusy as busy:
        raise Refused(Code.BUSY, "too many log-ins wait", 2.0) from busy


def _challenge(connection: ClientConnection) -> bytes:
    """The connection's challenge, used up."""
    challenge, connection.challenge = connection.challenge, None
    connection.proven = None
    if challenge is None or connection.user is not None:
        raise Refused(Code.BAD_REQUEST, "hello first")
    return challenge


def _bound(context: RequestContext, challenge: bytes) -> bytes:
    """What a proof of possession is bound to: this log, this server's certificate, this connection's challenge."""
    return context.directory.log.log_id + bytes.fromhex(context.keys.fingerprint) + challenge


def _check_enrolment(context: RequestContext, enrolment: wire.Enrolment, challenge: bytes) -> None:
    proof = keys.ENROL_CONTEXT + _bound(context, challenge)
    try:
        keys.check_signature(enrolment.public_key, enrolment.signature, proof)
    except ProtocolError as error:
        raise Refused(Code.BAD_REQUEST, "device key not proven") from error


def _throttle(context: RequestContext, name: str, connection: ClientConnection) -> None:
    """Raise Refused when this account or address tried too often; else the try counts."""
    wait = context.credentials.throttle.delay(name_key(name), connection.address, context.now())
    if wait:
        context.metrics.login_throttled += 1
        raise Refused(Code.TOO_MANY_TRIES, "too many tries", wait)


def _count_failure(context: RequestContext, name: str, connection: ClientConnection, what: str) -> None:
    """A wrong secret: counted against account and address, and logged in the form that
    packaging/linux/fail2ban reads. A name without an account may be a password in the wrong field: it is not logged."""
    context.credentials.throttle.failed(name_key(name), connection.address, context.now())
    context.metrics.login_failures += 1
    user = context.directory.user_named(name)
    log.info("log-in refused from %s: %s, account %s", connection.address, what, user.name if user else "unknown")


def _clean(check: Callable[[str], T], text: str, code: Code) -> T:
    try:
        return check(text)
    except ProtocolError as error:
        raise Refused(code, str(error)) from error
