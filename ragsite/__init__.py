"""ragsite: a backend for Retrieval-Augmented Generation whose every answer can be checked."""

VERSION = "0.1.0"
