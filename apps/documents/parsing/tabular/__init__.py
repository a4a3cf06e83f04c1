"""Tables as delimited text, and tables of other families."""
