"""Marks in messages as they are laid out: fonts, grounds, the copy button, long messages; and what is copied."""

import pytest

from lanchat.ui.conversation.body import FOLD_ABOVE, FOLDED
from lanchat.ui.conversation.bubbles import message_block
from lanchat.ui.conversation.scene import Position, Scene
from lanchat.ui.conversation.selection import Selection
from lanchat.ui.kit.canvas.drawing import Block, Font, HitAreaKind, TextSpan
from lanchat.ui.model.entries import MessageEntry
from tests.support.ui_kit import kit, line


def block(text: str, *, unfolded: bool = False) -> Block:
    return message_block(MessageEntry(line(1, text=text), True, True, False, unfolded), 800, kit(), 1, True)


def drawn(text: str) -> list[tuple[str, Font]]:
    """The words of the message, each with its font."""
    fonts = {Font.BODY, Font.NAME, Font.ITALIC, Font.BOLD_ITALIC, Font.MONO, Font.LINK}
    spans = [op for op in block(text).ops if isinstance(op, TextSpan)]
    return [(op.text.strip(), op.font) for op in spans if op.font in fonts and op.text != "User 2"]


def touches(block: Block, kind: HitAreaKind) -> list[str]:
    return [spot.value for spot in block.spots if spot.touch is kind]


def test_styles_are_fonts_and_marks_are_not_drawn() -> None:
    assert drawn("a **b** _c_ ***d*** `e*` https://f.example") == [
        ("a", Font.BODY),
        ("b", Font.NAME),
        ("c", Font.ITALIC),
        ("d", Font.BOLD_ITALIC),
        ("e*", Font.MONO),
        ("https://f.example", Font.LINK),
    ]


def test_text_without_marks_is_drawn_as_typed() -> None:
    assert drawn("2*3*4 and __init__") == [("2*3*4 and __init__", Font.BODY)]


def test_block_of_code_has_a_button_that_copies_it() -> None:
    laid = block("see\n```python\nif x:\n    y**2\n```\nend")
    assert touches(laid, HitAreaKind.COPY_CODE) == ["if x:\n    y**2"]
    assert ("    y**2".strip(), Font.MONO) in drawn("```\n    y**2\n```")
    indented = next(op for op in laid.ops if isinstance(op, TextSpan) and "y**2" in op.text)
    first = next(op for op in laid.ops if isinstance(op, TextSpan) and op.text == "if x:")
    assert indented.x + 10 * (len(indented.text) - len("y**2")) == first.x + 40


def test_items_hang_behind_their_markers() -> None:
    laid = block("- one " + "word " * 40 + "\n- two")
    texts = [op for op in laid.ops if isinstance(op, TextSpan)]
    markers = [op for op in texts if op.text == "•"]
    rows = [op for op in texts if op.font is Font.BODY and "word" in op.text]
    assert len(markers) == 2
    assert len(rows) > 1
    assert {op.x for op in rows} == {rows[0].x}
    assert rows[0].x > markers[0].x


def test_long_message_is_folded_until_all_is_asked_for() -> None:
    text = "\n".join(f"row {number}" for number in range(FOLD_ABOVE + 1))
    folded, whole = block(text), block(text, unfolded=True)
    assert len(folded.rows) == FOLDED
    assert len(whole.rows) == FOLD_ABOVE + 1
    assert touches(folded, HitAreaKind.UNFOLD) == touches(whole, HitAreaKind.UNFOLD) == [""]
    short = block("\n".join(["row"] * FOLD_ABOVE))
    assert len(short.rows) == FOLD_ABOVE
    assert not touches(short, HitAreaKind.UNFOLD)
    code = block("```\n" + "\n".join(["row"] * 100) + "\n```\nend")
    assert len(code.rows) == FOLDED


@pytest.mark.parametrize(
    "text",
    ["> " * 3000 + "x", "**_" * 3000, "```\n" * 3001, "*_" * 2000 + "x" + "_*" * 2000, "`a` " * 3000, "x" * 16_000],
)
def test_hostile_marks_stay_inside_the_bubble(text: str) -> None:
    laid = block(text, unfolded=True)
    _x, _y, width, _height = laid.body
    assert width <= 800
    assert len(laid.ops) < 9000


def copied(text: str, start: int, end: int) -> str:
    entry = MessageEntry(line(1, text=text), True, True)
    scene = Scene(lambda entry: message_block(entry, 800, kit(), 1, True), lambda style, part: 10 * len(part))  # type: ignore[arg-type]
    scene.show([entry])
    selection = Selection(scene)
    selection.begin(Position(0, start))
    selection.move(Position(0, end))
    return selection.copied()


def test_whole_message_is_copied_as_typed_and_a_part_as_shown() -> None:
    text = "a **b** c\n```\nd\n```"
    assert copied(text, 0, len(text)) == text
    assert copied(text, 2, len(text)) == "b c\nd"


def test_place_under_the_mouse_counts_typed_characters() -> None:
    scene = Scene(lambda entry: message_block(entry, 800, kit(), 1, True), lambda style, part: 10 * len(part))  # type: ignore[arg-type]
    scene.show([MessageEntry(line(1, text="a **bcd** e"), True, True)])
    row = scene.placed[0].block.rows[0]
    position = scene.position_at(row.x + 41, scene.placed[0].y + row.y + 2)
    assert position == Position(0, 6)  # before the d
