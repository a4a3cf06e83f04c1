"""Where a knowledge base is asked: the page, the parts that it asks the server for, and how answers are shown on it."""
