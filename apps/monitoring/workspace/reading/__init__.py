"""A document as its readers know it: a page as a picture, or the text, with a span marked."""
