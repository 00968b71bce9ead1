"""What a transaction changes in the database and, after its commit, in the directory in memory."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from lanchat_server.core.ports import Store, Transaction

T = TypeVar("T")


class DirectoryChange(msgspec.Struct, Generic[T], frozen=True):
    """What a transaction came to, and how the directory learns of it after the commit."""

    value: T
    apply: Callable[[], None]


def together(value: T, *changes: DirectoryChange[Any]) -> DirectoryChange[T]:
    """Several changes of one transaction."""

    def apply() -> None:
        for change in changes:
            change.apply()

    return DirectoryChange(value, apply)


def transact(store: Store, job: Callable[[Transaction], DirectoryChange[T]]) -> T:
    """What `job` came to in a transaction; after the commit its change is applied. Raises StoreError and what `job`
    raises; then nothing was changed."""
    with store.transaction() as tx:
        change = job(tx)
    change.apply()
    return change.value


def checked(
    check: Callable[[], None], job: Callable[[Transaction], DirectoryChange[T]]
) -> Callable[[Transaction], DirectoryChange[T]]:
    """`job` after `check`, which raises Refused within the transaction when a right has ended meanwhile."""

    def work(tx: Transaction) -> DirectoryChange[T]:
        check()
        return job(tx)

    return work
