"""The choice of the next token."""

from __future__ import annotations

import pytest
import torch
from transformers import TopPLogitsWarper

from apps.models.engine.generation import sampling
from apps.models.engine.generation.sampling import Sampler, nucleus
from apps.models.generation import GenerationOptions

VOCABULARY = 500


def logits(seed: int = 0) -> torch.Tensor:
    return torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(seed)) * 3


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("likeliest", [4, 256], ids=["sorting all", "sorting few"])
def test_the_nucleus_is_that_of_transformers(share: float, likeliest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "LIKELIEST", likeliest)
    expected = TopPLogitsWarper(share)(torch.zeros(1, 1), logits()[None])[0] > -torch.inf

    assert torch.equal(nucleus(torch.softmax(logits(), 0), share) > 0, expected)


def test_tokens_are_drawn_as_often_as_their_probability_says() -> None:
    few = torch.tensor([0.5, 0.3, 0.2]).log()
    sampler = Sampler(GenerationOptions(temperature=1.0, seed=7))

    drawn = torch.bincount(torch.tensor([sampler.draw(few) for _ in range(4000)]), minlength=3) / 4000

    assert torch.allclose(drawn, torch.tensor([0.5, 0.3, 0.2]), atol=0.03)


def test_a_low_temperature_draws_the_likeliest() -> None:
    sampler = Sampler(GenerationOptions(temperature=1e-6))
    assert {sampler.draw(logits()) for _ in range(20)} == {int(logits().argmax())}


def test_the_same_seed_draws_the_same_tokens_and_no_seed_others() -> None:
    def drawn(seed: int | None) -> list[int]:
        sampler = Sampler(GenerationOptions(temperature=2.0, top_p=0.99, seed=seed))
        return [sampler.draw(logits(number)) for number in range(30)]

    assert drawn(3) == drawn(3)
    assert drawn(None) != drawn(None)


def test_rounding_does_not_change_what_is_drawn() -> None:
    near = logits() + torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(1)) * 1e-6
    one, other = (Sampler(GenerationOptions(temperature=1.0, top_p=0.9, seed=1)) for _ in range(2))
    assert [one.draw(logits()) for _ in range(50)] == [other.draw(near) for _ in range(50)]
