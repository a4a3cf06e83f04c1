"""The operator's pages: what works, what was told, what was used, who did what, and what is set."""
