"""What the window knows and can do, without Tk."""
