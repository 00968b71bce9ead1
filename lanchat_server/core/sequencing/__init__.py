"""From the queue of submitted messages to their place in the log, or to the quarantine."""
