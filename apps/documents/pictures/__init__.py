"""A page of a document as a picture, and where a span of its text lies on it."""
