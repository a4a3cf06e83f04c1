"""The life cycle of a document version: its stages, and what else may happen to it."""
