"""Undo and redo history of the composer."""

from lanchat.ui.kit.fields.undo import TextSnapshot, UndoHistory


def record_texts(history: UndoHistory, *texts: str) -> None:
    for text in texts:
        history.changed(TextSnapshot(text, len(text)))


def test_undo_and_redo_return_snapshots() -> None:
    history = UndoHistory()
    record_texts(history, "a pasted line", "a pasted line and another one")
    assert history.undo() == TextSnapshot("a pasted line", 13)
    assert history.undo() == TextSnapshot("", 0)
    assert history.undo() is None
    assert history.redo() == TextSnapshot("a pasted line", 13)
    assert history.redo() == TextSnapshot("a pasted line and another one", 29)
    assert history.redo() is None


def test_typed_letters_are_undone_in_groups() -> None:
    history = UndoHistory()
    text = "abcdefghijklmnopqrstuvwxyz" * 2
    record_texts(history, *(text[:end] for end in range(1, len(text) + 1)))
    first = history.undo()
    assert first
    assert 20 <= len(first.text) < len(text)
    while (step := history.undo()) is not None:
        last = step
    assert last == TextSnapshot("", 0)


def test_change_after_undo_clears_redo() -> None:
    history = UndoHistory()
    record_texts(history, "one line of text", "another line of text and more")
    history.undo()
    record_texts(history, "something else altogether")
    assert history.redo() is None
    assert history.undo() == TextSnapshot("one line of text", 16)


def test_unchanged_text_adds_no_step() -> None:
    history = UndoHistory("start")
    history.changed(TextSnapshot("start", 2))
    assert history.undo() is None


def test_number_of_steps_is_bounded() -> None:
    history = UndoHistory()
    for number in range(1000):
        record_texts(history, f"{number} " * 40)
    steps = 0
    while history.undo():
        steps += 1
    assert steps <= 200


def test_total_size_of_steps_is_bounded() -> None:
    history = UndoHistory()
    for number in range(200):
        record_texts(history, f"{number}" + "x" * (8000 - 40 * (number % 2)))
    kept = 0
    while step := history.undo():
        kept += len(step.text)
    assert 100_000 < kept < 500_000
