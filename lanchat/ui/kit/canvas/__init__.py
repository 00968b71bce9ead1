"""Drawing on a canvas: shapes, pictures, glyphs, breaking text into lines."""
