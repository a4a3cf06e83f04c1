#!/usr/bin/env bash
# Makes the roles and the database `ragsite`, as ragsite/stack/databases.py does for the embedded server.
# The image runs it once, on an empty data folder. For a server of your own run it by hand, as a superuser, with
# POSTGRES_USER, RAGSITE_OWNER_PASSWORD and RAGSITE_APP_PASSWORD in the environment, and PGHOST where it is elsewhere. Each
# password may lie in a file instead, which RAGSITE_OWNER_PASSWORD_FILE or RAGSITE_APP_PASSWORD_FILE names.
set -euo pipefail

for name in RAGSITE_OWNER_PASSWORD RAGSITE_APP_PASSWORD; do
    file=${name}_FILE
    if [ -z "${!name:-}" ] && [ -n "${!file:-}" ]; then export "$name=$(cat "${!file}")"; fi
done

: "${RAGSITE_OWNER_PASSWORD:?set it to the password of the role ragsite_owner}"
: "${RAGSITE_APP_PASSWORD:?set it to the password of the role ragsite_app}"

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname template1 <<'SQL'
\getenv owner_password RAGSITE_OWNER_PASSWORD
\getenv app_password RAGSITE_APP_PASSWORD

CREATE ROLE ragsite_owner LOGIN CREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'owner_password';
CREATE ROLE ragsite_app LOGIN NOCREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'app_password';

CREATE ROLE ragsite_reader NOLOGIN NOCREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS;
GRANT ragsite_reader TO ragsite_app WITH INHERIT FALSE, SET TRUE;

CREATE EXTENSION vector;
GRANT USAGE ON SCHEMA public TO ragsite_app;
GRANT USAGE, CREATE ON SCHEMA public TO ragsite_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE ragsite_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ragsite_app;
ALTER DEFAULT PRIVILEGES FOR ROLE ragsite_owner GRANT USAGE, SELECT ON SEQUENCES TO ragsite_app;

\connect postgres
CREATE DATABASE ragsite OWNER ragsite_owner;
SQL
