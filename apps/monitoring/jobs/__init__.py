"""Everything that takes long, as one list: what it is, how far, by whom, and how to stop it."""
