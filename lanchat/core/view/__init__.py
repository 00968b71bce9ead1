"""What a conversation shows: edits, deletions and reactions folded into lines; search."""
