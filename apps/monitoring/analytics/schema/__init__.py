"""The tables of ClickHouse."""
