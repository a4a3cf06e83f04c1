"""Plain text, Markdown, JSON, notebooks and source code."""
