"""How texts become vectors that are kept: by a generation's model, whichever process holds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from apps.documents.chunking.types import Embed
from apps.models.gateway import Deadline, Purpose, embed
from apps.models.selectors import embedding_model_version
from ragsite.core.database import connection_release

EMBED_SECONDS = 600.0
"""For a few hundred chunks, and those of others before them: a large model on two cores embeds some three a second."""


def embedder(
    model_version_id: UUID, *, deadline: Deadline | None = None, before: Callable[[], None] = lambda: None
) -> Embed:
    """Texts in, their vectors (n, d) out. Each call may take EMBED_SECONDS, or all of them until `deadline`; `before` is
    called first and may raise.
    """

    def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
        before()
        model = embedding_model_version(model_version_id)
        connection_release()
        until = deadline or Deadline.after(EMBED_SECONDS)
        return embed(texts, model=model, purpose=Purpose.INDEX, deadline=until)

    return vectors
