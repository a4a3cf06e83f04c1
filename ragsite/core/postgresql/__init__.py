"""Django's backend for PostgreSQL in the web process: nobody waits without an end for a server that is frozen."""
