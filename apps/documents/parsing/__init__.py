"""From a file to its text, with the place and the headings of each part of it."""
