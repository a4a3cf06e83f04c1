"""What answers say of limits: `RateLimit-Policy` and `RateLimit`, as draft-ietf-httpapi-ratelimit-headers-10 has them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

from ragsite.core.limits import Per, Work
from ragsite.gateway.limits.buckets import Bucket, Level

POLICY, LEFT = "RateLimit-Policy", "RateLimit"
UNITS = {Work.UPLOAD_BYTES: "content-bytes", Work.STREAMS: "concurrent-requests", Work.TOKENS: "tokens"}
"""What is counted; without one it is requests."""


def headers_of(found: Iterable[tuple[Bucket, Level]]) -> dict[str, str]:
    """Both headers, of these buckets; none without any."""
    found = list(found)
    if not found:
        return {}
    return {
        POLICY: ", ".join(_policy(bucket) for bucket, _ in found),
        LEFT: ", ".join(_left(bucket, level) for bucket, level in found),
    }


def _policy(bucket: Bucket) -> str:
    unit = UNITS.get(bucket.kind.work)
    parts = [f'"{bucket.policy}"', f"q={bucket.limit}"]
    parts += [f'qu="{unit}"'] if unit else []
    parts += [f"w={bucket.window_seconds}"] if bucket.window_seconds else []
    return ";".join(parts)


def _left(bucket: Bucket, level: Level) -> str:
    left, seconds = max(0, level.left), _seconds(bucket, level)
    return f'"{bucket.policy}";r={left}' + (f";t={seconds}" if seconds is not None else "")


def _seconds(bucket: Bucket, level: Level) -> int | None:
    """Until all of it may be asked for again; of places nobody knows."""
    if bucket.quota is not None:
        return max(0, math.ceil((bucket.quota.ends - datetime.now(UTC)).total_seconds()))
    if bucket.kind.per is not Per.MINUTE:
        return None
    lacking = bucket.limit - level.left
    return math.ceil(lacking * bucket.window_seconds / bucket.limit) if bucket.limit else bucket.window_seconds
