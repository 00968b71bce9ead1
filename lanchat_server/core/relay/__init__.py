"""What goes out to sessions: live records, repair, pages, receipts."""
