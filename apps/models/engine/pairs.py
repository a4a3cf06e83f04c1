"""What engines have in common that read two texts together."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any, TypeVar

import torch

from apps.models.engine.states import States
from apps.models.engine.tokenizer import PairIds
from apps.models.engine.transformer import TransformerEngine
from apps.models.inputs import TextPair

Encoded = TypeVar("Encoded", bound=Sized)


class PairEngine(TransformerEngine[TextPair, Encoded]):
    """Of pairs of texts it makes what networks with a head of their own take: in one row, or padded."""

    def _pair_states(self, network: Any, pairs: Sequence[PairIds]) -> States:
        """The states of the tokens of pairs that lie in one row, below the network's head."""
        types = [pair.types for pair in pairs] if _knows_types(network) else None
        return self._token_states(network.base_model, [pair.ids for pair in pairs], types=types)

    def _padded_pairs(self, network: Any, pairs: Sequence[PairIds]) -> dict[str, torch.Tensor]:
        """What the network takes for pairs in a row each."""
        inputs = {
            "input_ids": self._padded([pair.ids for pair in pairs], filler=network.config.pad_token_id or 0),
            "attention_mask": self._padded([[1] * len(pair) for pair in pairs], filler=0),
        }
        if _knows_types(network):
            inputs["token_type_ids"] = self._padded([pair.types for pair in pairs], filler=0)
        return inputs


def _knows_types(network: Any) -> bool:
    return getattr(network.config, "type_vocab_size", 0) > 1
