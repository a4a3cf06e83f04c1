"""The asynchronous client, and the source of the blocking one: `client/blocking.py` makes that from the modules here."""
