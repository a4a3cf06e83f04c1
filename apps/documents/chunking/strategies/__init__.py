"""The ways to cut a document, one a module, all called alike."""
