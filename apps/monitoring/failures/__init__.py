"""What failed in the knowledge bases of a user's tenants, by cause, and what mends it."""
