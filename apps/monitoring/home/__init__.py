"""The admin's first page: what needs attention, how it goes, and how to begin."""
