"""Answers that are the documents' own sentences, without any model: what could be quoted is scored by words and by what the
search thought of its passage, and a small learned checker says whether the best of it is an answer at all (ADR 49).

    units  >  asked, features, rows  >  scoring  >  finding  >  choosing  >  wording

Rows of tables answer by what they and their columns are called (ADR 101).
"""
