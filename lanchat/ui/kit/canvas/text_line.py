"""One line of text with its emoji as pictures, as long as there is room. Pure."""

from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import EmojiPicture, Font, LayoutContext, Op, TextSpan
from lanchat.ui.kit.canvas.pictures import has_picture
from lanchat.ui.kit.canvas.wrap import elide

_PICTURE = {Font.SMALL: 14, Font.SMALL_BOLD: 14}  # pixels at 96 dpi; 17 elsewhere


def text_line(
    kit: LayoutContext, text: str, font: Font, place: tuple[int, int], limit: int, fill: str
) -> tuple[list[Op], int]:
    """What draws the text from `place` (left, top) on, ending with an ellipsis where it would be wider than `limit`
    pixels, and its width. An emoji without a picture is written out in brackets."""
    x, y = place
    size = _PICTURE.get(font, 17)
    step, lift = kit.px(size + 2), (kit.height[font] - kit.px(size)) // 2
    left, ops = x, list[Op]()
    for run in _runs(text):
        free = limit - (left - x)
        if run.name:
            if step + kit.measure(font, "…") > free:
                ops.append(TextSpan(left, y, "…", font, fill))
                return ops, left - x + kit.measure(font, "…")
            ops.append(EmojiPicture(left + kit.px(1), y + lift, run.text, size))
            left += step
            continue
        shown = elide(run.text, free, lambda part: kit.measure(font, part))
        ops.append(TextSpan(left, y, shown, font, fill))
        left += kit.measure(font, shown)
        if shown != run.text:
            break
    return ops, left - x


def _runs(text: str) -> list[glyphs.GlyphRun]:
    """Pictures, and all between them in one piece."""
    runs: list[glyphs.GlyphRun] = []
    for run in glyphs.split(text):
        if run.name and has_picture(run.text):
            runs.append(run)
            continue
        words = f"[{run.name}]" if run.name else run.text
        if runs and not runs[-1].name:
            words = runs.pop().text + words
        runs.append(glyphs.GlyphRun(words))
    return runs
