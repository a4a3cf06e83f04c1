"""Webhooks: programs of a tenant are told what happens there, by signed requests to addresses that its owners name."""
