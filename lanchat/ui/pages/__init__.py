"""The pages of the window, from the list of servers to the main page."""
