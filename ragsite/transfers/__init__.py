"""Transfers: a tenant, or a knowledge base, exported from one installation and imported into another one that runs.

An export is a folder, or a prefix of a bucket:

    manifest.json         written last: what it is of, and each file with its size and SHA-256. Without it an export is unfinished
    begun.json            there until then
    tables/NAME.jsonl     rows, one a line, as `tables` lists them
    people.jsonl          users, groups and API keys that rows name
    blobs.jsonl           the blobs: name, size, SHA-256
    blobs/TENANT/BLOB     bytes of uploads

Who reads one trusts nothing of it: see `reading`.
"""
