"""Backups of an installation: the database, the blobs, models that nobody has elsewhere. Made, kept, verified and restored.

A place holds backups of one installation:

    blobs/TENANT/BLOB           bytes of uploads, shared by all backups: what is there is not copied again
    models/SHA256               files of models, likewise
    backups/ID/database.dump    what pg_dump wrote
    backups/ID/blobs.jsonl      the blobs that the database names: name, size, SHA-256
    backups/ID/models.jsonl     the files of models that are kept, likewise
    backups/ID/manifest.json    written last: a backup without it is unfinished
"""
