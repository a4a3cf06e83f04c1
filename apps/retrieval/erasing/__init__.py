"""Finding and erasing all traces of a document, a user or a tenant, with a report of what stays and why."""
