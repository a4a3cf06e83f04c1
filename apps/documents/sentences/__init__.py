"""Where sentences begin and end, in two ways. Both give a `Span` for each sentence, without the white space around it.

`quick` is for passages while somebody waits for an answer: a few patterns, and it imports nothing, so that the web
process can. `punkt` is for cutting documents: it knows abbreviations from a trained model, and brings in nltk and
llama-index, which only workers have.
"""

FULL_STOPS = "\u3002\uff01\uff1f"  # ideographic full stop, full-width exclamation and question mark
"""They end a sentence where no space follows."""
