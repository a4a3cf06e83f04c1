"""The lexical index: how text becomes terms, how terms lie in segments, how BM25 scores them. Pure: no database."""
