"""QR codes, as pictures that Tk reads."""

import base64
import io

import segno


def qr_png(text: str, scale: int) -> bytes:
    """The code of a text as PNG in base64, `scale` pixels a module. Dark on white in every theme: many readers do not
    know the other way round."""
    file = io.BytesIO()
    segno.make(text, error="m", micro=False).save(file, kind="png", scale=scale, border=3)
    return base64.b64encode(file.getvalue())
