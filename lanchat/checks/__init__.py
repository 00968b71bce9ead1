"""`--check` of both programs: each part that may be missing or broken on a computer is really used once."""
