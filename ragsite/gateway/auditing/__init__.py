"""The audit log of tenants: finding entries, keeping them as long as a tenant says, handing them on."""
