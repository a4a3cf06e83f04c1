"""What happened, kept in columns for reports: ClickHouse, filled from events, asked with a tenant always."""
