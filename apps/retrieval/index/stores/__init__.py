"""Stores of vectors beside PostgreSQL: what one is, how it follows what PostgreSQL has, and how it is put right."""
