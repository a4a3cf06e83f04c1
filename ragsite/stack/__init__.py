"""The servers of a one-machine installation: PostgreSQL with pgvector, Redis and a Kafka-protocol broker.

They listen on loopback only, keep everything under one folder and outlive the process that started them. Any one of
them is replaced by its URL in the environment. `Stack` is the whole set, `session.servers` borrows it for a block.
"""
