"""What is wanted of each address that takes keys; the signs are those of `gateway_matrix_table.py`.

API has a row for each address that takes keys: `METHOD permission,permission`, where one of the permissions is enough, `any`
for every key; the sign of the outcome on one's own things follows where it is not `+`. Of another tenant's things everybody
is told that they are not there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

READ, WORK = "read,work:manage", "write,work:manage"
MODELS = "models:manage"
OWN = "grants:manage"
"""Of the key's tenant; the installation's take `settings:manage`."""

API: dict[str, str] = {
    "api/v1/knowledge-bases/": "GET read | POST write",
    "api/v1/knowledge-bases/<uuid:pk>/": "GET read | PATCH write | DELETE write",
    "api/v1/knowledge-bases/<uuid:pk>/grants/": "GET grants:manage | POST grants:manage",
    "api/v1/knowledge-bases/<uuid:pk>/grants/<uuid:grant_id>/": "GET grants:manage | DELETE grants:manage",
    "api/v1/knowledge-bases/<uuid:pk>/readers/": "GET grants:manage",
    "api/v1/knowledge-bases/<uuid:knowledge_base>/reindex/": f"GET {READ} | POST {WORK}",
    "api/v1/knowledge-bases/<uuid:knowledge_base>/reindex/cancel/": f"POST {WORK}",
    "api/v1/knowledge-bases/<uuid:knowledge_base>/reindex/resume/": f"POST {WORK}",
    "api/v1/knowledge-bases/<uuid:knowledge_base>/reindex/rollback/": f"POST {WORK}",
    "api/v1/knowledge-bases/<uuid:knowledge_base>/reindex/switch/": f"POST {WORK}",
    "api/v1/knowledge-bases/<uuid:knowledge_base>/generations/": f"GET {READ}",
    "api/v1/knowledge-bases/<uuid:knowledge_base>/generations/<str:pk>/": f"GET {READ} | DELETE write",
    "api/v1/knowledge-base-deletions/": f"GET {READ}",
    "api/v1/knowledge-base-deletions/<uuid:pk>/": f"GET {READ}",
    "api/v1/knowledge-base-deletions/<uuid:pk>/resume/": f"POST {WORK}",
    "api/v1/documents/bulk/": "POST write",
    "api/v1/documents/from-url/": "POST write -",
    "api/v1/documents/": "GET read | POST write",
    "api/v1/documents/<uuid:pk>/": "GET read | PUT write | PATCH write | DELETE write",
    "api/v1/documents/<uuid:pk>/edits/": "GET read | POST write",
    "api/v1/documents/<uuid:pk>/edits/undo/": "POST write",
    "api/v1/documents/<uuid:pk>/file/": "GET read",
    "api/v1/documents/<uuid:pk>/grants/": "GET grants:manage | POST grants:manage",
    "api/v1/documents/<uuid:pk>/grants/<uuid:grant_id>/": "GET grants:manage | DELETE grants:manage",
    "api/v1/documents/<uuid:pk>/readers/": "GET grants:manage",
    "api/v1/documents/<uuid:pk>/rollback/": "POST write",
    "api/v1/documents/<uuid:pk>/versions/": "GET read | POST write",
    "api/v1/versions/": f"GET {READ}",
    "api/v1/versions/<uuid:pk>/": f"GET {READ}",
    "api/v1/versions/<uuid:pk>/cancel/": f"POST {WORK}",
    "api/v1/versions/<uuid:pk>/chunks/": "GET read",
    "api/v1/versions/<uuid:pk>/diff/": "GET read",
    "api/v1/versions/<uuid:pk>/file/": "GET read",
    "api/v1/versions/<uuid:pk>/retry/": f"POST {WORK}",
    "api/v1/models/": f"GET read | POST {MODELS}",
    "api/v1/models/connect/": f"POST {MODELS}",
    "api/v1/models/<uuid:pk>/": "GET read",
    "api/v1/model-versions/": "GET read",
    "api/v1/model-versions/<uuid:pk>/": f"GET read | DELETE {MODELS}",
    **{
        f"api/v1/model-versions/<uuid:pk>/{act}/": f"POST {MODELS}"
        for act in ("activate", "default", "fallback", "load", "test", "unload", "verify", "warm")
    },
    "api/v1/model-tasks/": f"GET {MODELS}",
    "api/v1/model-tasks/<uuid:pk>/": f"GET {MODELS}",
    "api/v1/model-tasks/<uuid:pk>/cancel/": f"POST {MODELS}",
    "api/v1/model-orders/": f"GET {MODELS}",
    "api/v1/model-orders/<uuid:pk>/": f"GET {MODELS}",
    "api/v1/loaded-models/": f"GET {MODELS}",
    "api/v1/conversations/": "GET query | POST query",
    "api/v1/conversations/<uuid:pk>/": "GET query | PATCH query | DELETE query",
    "api/v1/conversations/<conversation_id>/export": "GET query",
    "api/v1/evaluation-sets/": "GET read | POST write",
    "api/v1/evaluation-sets/<uuid:pk>/": "GET read | PATCH write | DELETE write",
    "api/v1/evaluation-sets/<uuid:pk>/import/": "POST write",
    "api/v1/evaluation-sets/<uuid:pk>/questions/": "GET read | POST write",
    "api/v1/evaluation-questions/<uuid:pk>/": "GET read | DELETE write",
    "api/v1/evaluation-questions/<uuid:pk>/judge/": "POST write",
    "api/v1/evaluation-runs/": "GET read | POST write",
    "api/v1/evaluation-runs/<uuid:pk>/": "GET read",
    "api/v1/evaluation-runs/<uuid:pk>/compare/": "GET read",
    "api/v1/evaluation-runs/<uuid:pk>/results/": "GET read",
    "api/v1/webhooks/": "GET grants:manage | POST grants:manage",
    "api/v1/webhooks/<uuid:pk>/": "GET grants:manage | PATCH grants:manage | DELETE grants:manage",
    "api/v1/webhooks/<uuid:pk>/secret/": "GET grants:manage | POST grants:manage",
    "api/v1/webhooks/<uuid:pk>/test/": "POST grants:manage",
    "api/v1/webhooks/<uuid:pk>/deliveries/": "GET grants:manage",
    "api/v1/webhooks/<uuid:pk>/deliveries/<uuid:delivery_id>/redeliver/": "POST grants:manage",
    "api/v1/webhooks/<uuid:pk>/redeliver/": "POST grants:manage",
    "api/v1/answers/<uuid:answer_id>/feedback": "GET query | PUT query | DELETE query",
    "api/v1/answers/<answer_id>": "GET query",
    "api/v1/answers/<answer_id>/events": "GET query",
    "api/v1/answers/<answer_id>/cancel": "POST query 0",
    "api/v1/answers/<answer_id>/export": "GET query",
    "api/v1/analytics/unanswered-questions/": "GET query",
    **{f"api/v1/analytics/{report}/": "GET read" for report in ("cited-passages", "uncited-documents")},
    **{f"api/v1/analytics/{report}/": "GET work:manage" for report in ("cache", "costs", "quality", "waiting")},
    "api/v1/analytics/filling/": "GET work:manage | POST work:manage",
    "api/v1/purges/": "GET work:manage",
    "api/v1/purges/<str:pk>/run/": "POST work:manage 0",
    "api/v1/audit-entries/": "GET audit:read",
    "api/v1/audit-entries/<uuid:pk>/": "GET audit:read",
    "api/v1/erasures/": "GET grants:manage | POST grants:manage",
    "api/v1/erasures/<uuid:pk>/": "GET grants:manage",
    "api/v1/settings/": f"GET {OWN}",
    "api/v1/settings/<str:name>/": f"GET {OWN} | PUT {OWN} | DELETE {OWN}",
    "api/v1/settings/<str:name>/history/": f"GET {OWN}",
    "api/v1/settings/<str:name>/put-back/": f"POST {OWN}",
    "api/v1/flags/": f"GET {OWN}",
    "api/v1/flags/<str:name>/": f"GET {OWN} | PUT {OWN} | DELETE {OWN}",
    "api/v1/flags/<str:name>/history/": f"GET {OWN}",
    "api/v1/flags/<str:name>/put-back/": f"POST {OWN}",
    "api/v1/tokens/": "POST any",
    "api/v1/tokens/refresh/": "POST any L",
    "api/v1/tokens/revoke/": "POST any L",
    "api/v1/usage/": "GET any",
    "api/v1/search": "POST query",
    "api/v1/ask": "POST query",
    "v1/models": "GET query",
    "v1/models/<path:name>": "GET query 0",
    "v1/embeddings": "POST query",
    "v1/chat/completions": "POST query",
    "v1/responses": "POST query",
}

BODIES: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "POST api/v1/evaluation-sets/": lambda ids: {"knowledge_base": ids["knowledge-bases"], "name": "Another"},
    "POST api/v1/evaluation-runs/": lambda ids: {"evaluation_set": ids["evaluation-sets"]},
    "POST api/v1/conversations/": lambda ids: {"knowledge_bases": [ids["knowledge-bases"]]},
    "POST api/v1/search": lambda ids: {"query": "berths", "knowledge_bases": [ids["knowledge-bases"]]},
    "POST api/v1/ask": lambda ids: {"question": "berths", "knowledge_bases": [ids["knowledge-bases"]]},
}
"""What is sent where a body names whose things are meant; elsewhere nothing is sent, and refused after who asks is known."""

TOOLS_CALLED: dict[str, tuple[str, Callable[[dict[str, str]], dict[str, Any]]]] = {
    "list": ("read", lambda ids: {"knowledge_base": ids["knowledge-bases"]}),
    "find": ("read", lambda ids: {"name": "harbour", "knowledge_base": ids["knowledge-bases"]}),
    "grep": ("read", lambda ids: {"pattern": "berths", "document": ids["documents"]}),
    "read": ("read", lambda ids: {"document": ids["documents"]}),
    "search": ("query", lambda ids: {"query": "berths", "knowledge_bases": [ids["knowledge-bases"]]}),
    "ask": ("query", lambda ids: {"question": "berths", "knowledge_bases": [ids["knowledge-bases"]]}),
}
"""The tools of MCP: the permission that each asks for, and what it is called with."""
