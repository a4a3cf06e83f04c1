"""The doors of the read path: REST, and the page to try a question on."""
