"""The audit log: who did what, by which door, to what; kept so that nobody can change it unnoticed."""
