"""Text fields and forms: logical text, clipboard, undo, judging what was typed."""
