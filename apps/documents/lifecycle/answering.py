"""An earlier version comes to answer again: whoever keeps something of it for searches hears so in the same transaction."""

from __future__ import annotations

from django.dispatch import Signal

version_answers = Signal()
"""Sent with `version`, the DocumentVersion that answers from now on, while its document's row is held. Receivers may raise."""
