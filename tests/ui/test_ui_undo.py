"""Undo in the composer goes back step by step to what was there, and forward again."""

from lanchat.ui.kit.fields.undo import TextSnapshot, UndoHistory


def typed(history: UndoHistory, *texts: str) -> None:
    for text in texts:
        history.changed(TextSnapshot(text, len(text)))


def test_back_and_forward() -> None:
    history = UndoHistory()
    typed(history, "a pasted line", "a pasted line and another one")
    assert history.undo() == TextSnapshot("a pasted line", 13)
    assert history.undo() == TextSnapshot("", 0)
    assert history.undo() is None
    assert history.redo() == TextSnapshot("a pasted line", 13)
    assert history.redo() == TextSnapshot("a pasted line and another one", 29)
    assert history.redo() is None


def test_letters_are_taken_back_together_but_not_too_many() -> None:
    history = UndoHistory()
    text = "abcdefghijklmnopqrstuvwxyz" * 2
    typed(history, *(text[:end] for end in range(1, len(text) + 1)))
    first = history.undo()
    assert first
    assert 20 <= len(first.text) < len(text)
    while (step := history.undo()) is not None:
        last = step
    assert last == TextSnapshot("", 0)


def test_a_change_after_undo_ends_the_future() -> None:
    history = UndoHistory()
    typed(history, "one line of text", "another line of text and more")
    history.undo()
    typed(history, "something else altogether")
    assert history.redo() is None
    assert history.undo() == TextSnapshot("one line of text", 16)


def test_the_same_text_is_no_step() -> None:
    history = UndoHistory("start")
    history.changed(TextSnapshot("start", 2))
    assert history.undo() is None


def test_it_does_not_grow_for_ever() -> None:
    history = UndoHistory()
    for number in range(1000):
        typed(history, f"{number} " * 40)
    steps = 0
    while history.undo():
        steps += 1
    assert steps <= 200


def test_long_texts_are_kept_for_fewer_steps() -> None:
    history = UndoHistory()
    for number in range(200):
        typed(history, f"{number}" + "x" * (8000 - 40 * (number % 2)))
    kept = 0
    while step := history.undo():
        kept += len(step.text)
    assert 100_000 < kept < 500_000
