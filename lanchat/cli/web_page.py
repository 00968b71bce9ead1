"""A room as a web page: one file that needs nothing else, with everything that people wrote as text, never as code."""

from html import escape

from lanchat.app import api
from lanchat.cli.lines import file_text
from lanchat.i18n import _, language
from lanchat.protocol.text.markup import Paragraph, ParagraphKind, Span, Style, paragraphs
from lanchat.terminal.harmless import harmless
from lanchat.terminal.output import clock

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em; }
:root { color-scheme: light dark; }
article { margin: 0 0 1em; } header { font-size: .85em; opacity: .75; } header b { font-size: 1.1em; }
p, ul, ol, pre, blockquote { margin: .2em 0; overflow-wrap: anywhere; }
pre { padding: .6em; overflow: auto; background: #8882; border-radius: .4em; } code { background: #8882; }
blockquote { border-left: 3px solid #48f; padding-left: .7em; } .item { padding-left: 1.4em; text-indent: -1em; }
"""


def page_head(room: str) -> str:
    """What stands before the first message."""
    name = escape(harmless(room))
    return (
        f'<!DOCTYPE html>\n<html lang="{language()}">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f'<meta name="viewport" content="width=device-width">\n<title>{name}</title>\n<style>{_STYLE}</style>\n'
        f'</head>\n<body>\n<h1 dir="auto">{name}</h1>\n'
    )


PAGE_END = "</body>\n</html>\n"


def message_article(line: api.Line) -> str:
    """A message with its author, time, number and reactions; ends with a line break."""
    moment = line.sent_at if line.imported else line.stored_at or line.sent_at
    about = [clock(moment), f"#{line.seq}"]
    if line.reply_to:
        words = _("reply to #{number}").format(number=line.reply_to)
        about.append(f'<a href="#m{line.reply_to}">{escape(words)}</a>')
    about += [escape(_("edited"))] * (line.edited and not line.deleted) + [escape(_("imported"))] * line.imported
    deleted = escape(_("deleted"))
    author = escape(harmless(line.display_name or line.author_name))
    text = f"<p><i>{deleted}</i></p>" if line.deleted else text_html(line.text) if line.text else ""
    text += "".join(f'<p dir="auto">{escape(file_text(file))}</p>' for file in line.files)
    reactions = " ".join(f"{escape(harmless(item.emoji))} {len(item.users)}" for item in line.reactions)
    below = f"<footer>{reactions}</footer>" if reactions else ""
    heading = f'<header><b dir="auto">{author}</b> {" · ".join(about)}</header>'
    return f'<article id="m{line.seq}">{heading}{text}{below}</article>\n'


def text_html(text: str) -> str:
    """The text of a message with its marks as elements."""
    text = harmless(text)
    return "\n".join(_paragraph(text, paragraph) for paragraph in paragraphs(text))


def _paragraph(text: str, paragraph: Paragraph) -> str:
    inside = "".join(_part(text, span) for span in paragraph.spans)
    match paragraph.kind:
        case ParagraphKind.CODE:
            code = "".join(text[span.start : span.end] for span in paragraph.spans)
            return f"<pre>{escape(code)}</pre>"
        case ParagraphKind.QUOTE:
            return "<blockquote>" * paragraph.depth + f'<p dir="auto">{inside}</p>' + "</blockquote>" * paragraph.depth
        case ParagraphKind.ITEM:
            marker = paragraph.marker
            assert marker
            sign = "\u2022" if paragraph.bullet else escape(text[marker.start : marker.end])
            indent = f"margin-left: {paragraph.depth}em"
            return f'<p class="item" dir="auto" style="{indent}">{sign} {inside}</p>'
    return f'<p dir="auto">{inside or "<br>"}</p>'


def _part(text: str, span: Span) -> str:
    part = escape(text[span.start : span.end])
    if span.style & Style.LINK:
        return f'<a href="{part}" rel="noopener noreferrer">{part}</a>'
    for style, element in ((Style.CODE, "code"), (Style.ITALIC, "i"), (Style.BOLD, "b")):
        if span.style & style:
            part = f"<{element}>{part}</{element}>"
    return part
