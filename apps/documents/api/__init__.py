"""The REST doors to knowledge bases, documents, their versions and grants."""
