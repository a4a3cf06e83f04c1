"""The documents of a knowledge base: the list, files that are dropped on it, and what is done with several at once."""
