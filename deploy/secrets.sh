#!/usr/bin/env bash
# Prints fresh secrets for docker-compose.yml: (umask 077; deploy/secrets.sh > .env)
# Hexadecimal, because most of them become part of a URL.
set -euo pipefail

for name in POSTGRES_PASSWORD RAGSITE_OWNER_PASSWORD RAGSITE_APP_PASSWORD REDIS_PASSWORD CLICKHOUSE_PASSWORD \
    RAGSITE_SECRET_KEY FLOWER_PASSWORD; do
    printf '%s=%s\n' "$name" "$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
done
