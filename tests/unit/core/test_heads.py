"""The head book: which signed heads are checked, kept, and dropped when it is full."""

from lanchat.core.rooms.heads import HeadBook
from lanchat.protocol.log.records import Head

BOUND = 3


def head(seq: int, mark: int = 0) -> Head:
    return Head(1, 1, seq, bytes([mark]) * 32, 0, bytes(64))


def accept_every_head(_: Head) -> bool:
    return True


def test_low_head_is_kept_in_a_full_book() -> None:
    book = HeadBook(accept_every_head, BOUND)
    for seq in (20, 21, 22):
        assert book.prove(head(seq))
    book.offer(head(5))
    covering = book.covering(0, 10)
    assert covering is not None
    assert covering.seq == 5
    assert book.best() == head(22)


def test_book_is_bounded() -> None:
    book = HeadBook(accept_every_head, BOUND)
    for seq in range(1, 100):
        book.offer(head(seq))
        book.best()
    assert book.best() == head(99)
    book.forget(99)
    assert book.best() is None


def test_two_signed_heads_of_one_number_are_a_conflict() -> None:
    book = HeadBook(accept_every_head, BOUND)
    book.offer(head(7, 1))
    book.offer(head(7, 2))
    assert book.conflict


def test_head_with_a_bad_signature_is_ignored() -> None:
    book = HeadBook(lambda head: head.hash[0] != 9, BOUND)
    book.offer(head(7, 9))
    book.offer(head(7, 1))
    book.offer(head(8, 9))
    assert not book.conflict
    assert book.best() == head(7, 1)
