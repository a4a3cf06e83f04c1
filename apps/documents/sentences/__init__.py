"""Where sentences begin and end: one way for cutting documents and for what of a passage can be quoted (ADR 61).

abbreviations  >  lines, thai  >  splitting  >  statements
"""
