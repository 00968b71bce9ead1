"""What the window says in words: states, reasons, times, files. Pure, in the language in use."""
