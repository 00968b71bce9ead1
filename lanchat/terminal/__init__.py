"""The command lines of both programs: arguments, prompts, output, exit codes."""
