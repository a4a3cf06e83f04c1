"""Questions that are asked of ClickHouse: SQL with bound parameters, and the rows that it gives. The tenant is always said."""
