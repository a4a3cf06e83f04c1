#!/usr/bin/env bash
# Makes the secrets of docker-compose.yml, a file for each: deploy/secrets.sh [FOLDER]
# What is there stays as it is, so it may run again at any time. Passwords of an .env of version 0.1 are taken over.
# The folder is for its owner alone. The files in it can be read, as each container runs as a user of its own; Docker shows
# it those that docker-compose.yml gives it, and no others.
set -euo pipefail

folder=${1:-secrets}
mkdir -p "$folder"
chmod 0700 "$folder"

# Hexadecimal, because most become part of a URL.
fresh() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# What an .env says, or else something new.
earlier() {
    local found=
    if [ -f .env ]; then found=$(sed -n "s/^$1=//p" .env | tail -n 1); fi
    if [ -n "$found" ]; then printf '%s' "$found"; else fresh; fi
}

keep() {
    local file=$folder/$1
    if [ -s "$file" ]; then return; fi
    printf '%s\n' "$2" >"$file.new"
    chmod 0444 "$file.new"
    mv "$file.new" "$file"
}

of() { cat "$folder/$1"; }

keep postgres_password "$(earlier POSTGRES_PASSWORD)"
keep owner_password "$(earlier RAGSITE_OWNER_PASSWORD)"
keep app_password "$(earlier RAGSITE_APP_PASSWORD)"
keep database_url "postgresql://ragsite_app:$(of app_password)@postgres:5432/ragsite"
keep database_owner_url "postgresql://ragsite_owner:$(of owner_password)@postgres:5432/ragsite"
keep redis_conf "requirepass $(earlier REDIS_PASSWORD)"
keep redis_url "redis://:$(of redis_conf | sed 's/^requirepass //')@redis:6379/0"
keep secret_key "$(earlier RAGSITE_SECRET_KEY)"
keep clickhouse_password "$(earlier CLICKHOUSE_PASSWORD)"
keep clickhouse_url "http://ragsite:$(of clickhouse_password)@clickhouse:8123/ragsite"
keep flower_password "$(earlier FLOWER_PASSWORD)"
keep flower_basic_auth "flower:$(of flower_password)"
keep grafana_password "$(fresh)"

# For the proxy: fullchain.pem and privkey.pem, and answers to an ACME authority. Others reach neither, for the folder above.
mkdir -p "$folder/tls" "$folder/acme"
chmod 0755 "$folder/tls" "$folder/acme"
