"""Why a program ends, for people who started it by an icon: it has no console that could say it."""

import sys


def show_failure(text: str) -> None:
    """Opens a window with the text and waits until it is closed, where there is no console; else does nothing."""
    if sys.__stderr__ is not None:
        return
    try:
        import tkinter
        from tkinter import messagebox

        root = tkinter.Tk()
    except Exception:  # ImportError, TclError: then nobody can be told
        return
    root.withdraw()
    messagebox.showerror("LAN Chat", text)
    root.destroy()
