"""From a document's text to the spans that are embedded, searched and cited."""
