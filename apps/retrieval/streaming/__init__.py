"""Answers as they come: runs of a process, their events, and the log by which any process goes on with them."""
