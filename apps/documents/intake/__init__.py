"""How documents come in: uploads, folders, archives, addresses."""
