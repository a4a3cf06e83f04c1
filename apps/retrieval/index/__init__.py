"""What searches read: index generations, their embeddings, and the lexical index."""
