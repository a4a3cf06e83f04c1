"""Models that servers of their own run, asked over HTTP: the protocols they speak, and which of several is asked."""
