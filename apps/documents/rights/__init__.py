"""Who may read and change what."""
