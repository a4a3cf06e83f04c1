"""From passages to an answer whose every claim has a checked citation."""
