#!/usr/bin/env bash
# Fixes the images of others that docker-compose.yml runs and builds on, by the digests that their registries give now:
#   deploy/pin.sh > images.env
#   docker compose --env-file .env --env-file images.env up --build --detach
# `deploy/pin.sh --check images.env` ends with 1 where a tag now means something else, and says which.
set -euo pipefail
cd "$(dirname "$0")/.."

# As NAME=image:tag, from the defaults of the variables.
images() { grep -ohE '\$\{[A-Z]+_IMAGE:-[^}]+' docker-compose.yml | sed -E 's/^..//; s/:-/=/' | sort -u; }

pinned() {
    local name image digest
    while IFS='=' read -r name image; do
        digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image" </dev/null)
        if ! [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]]; then
            echo "$image: the registry gave no digest but '$digest'" >&2
            return 1
        fi
        echo "$name=$image@$digest"
    done < <(images)
}

case ${1:-} in
'') pinned ;;
--check) now=$(pinned) && diff --unified=0 "${2:?name the file}" <(echo "$now") ;;
*)
    echo "usage: deploy/pin.sh [--check FILE]" >&2
    exit 2
    ;;
esac
