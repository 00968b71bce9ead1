"""Repeated enrolment and revocation of devices: rows are kept for ever, so their number per day is limited."""

import asyncio
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.log import keys
from lanchat_server.core.accounts import accounts
from tests.attacks.guessing import PASSWORD, LoginService, Owner

HOME = "198.51.100.1"


def test_account_enrols_a_limited_number_of_devices_per_day(tmp_path: Path) -> None:
    async def play() -> None:
        front = LoginService(tmp_path)
        try:
            anna, boris = Owner(front, "anna"), Owner(front, "boris")
            await anna.register(HOME)
            await boris.register(HOME)
            directory = front._context.directory
            answers = []
            for _ in range(accounts.DEVICES_PER_DAY + 5):
                front.now += 10.0
                enrolment = front.proof(Ed25519PrivateKey.generate(), keys.ENROL_CONTEXT)
                answers.append(await front.call(wire.LoginPassword("anna", PASSWORD, enrolment), HOME))
                device = keys.device_id(enrolment.public_key)
                if device in directory.devices:
                    await front._service.writer.transact(
                        lambda tx, device=device: accounts.revoke_devices(tx, directory, [device], 1)  # type: ignore[misc]
                    )
            # The first one came with the account.
            assert answers == [None] * (accounts.DEVICES_PER_DAY - 1) + [Code.LIMIT_REACHED] * 6
            assert len(directory.devices_of(directory.user_named("anna").id)) == accounts.DEVICES_PER_DAY  # type: ignore[union-attr]
            # A device that is there logs in all the same, and others enrol theirs.
            assert await anna.logs_in_by_key(HOME)
            front.now += 10.0
            theirs = front.proof(Ed25519PrivateKey.generate(), keys.ENROL_CONTEXT)
            assert await front.call(wire.LoginPassword("boris", PASSWORD, theirs), HOME) is None
        finally:
            await front.close()

    asyncio.run(asyncio.wait_for(play(), 60))
