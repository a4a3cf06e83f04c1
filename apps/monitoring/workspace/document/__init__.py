"""The page of a document: its way through the pipeline, its versions and passages, edits, and who saw it."""
