"""PDF: its pages' text, and text recognised on pictures."""
