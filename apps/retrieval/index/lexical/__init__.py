"""Lexical search: terms, segments of postings, and BM25 over them."""
