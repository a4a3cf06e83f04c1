"""The memory of a batch of texts."""

from __future__ import annotations

import torch

from apps.models.engine.generation.slots import Slots, SlotShape, common


def slots(count: int = 3) -> Slots:
    return Slots(SlotShape(2, 1, 4, 16), count, dtype=torch.float32, device=torch.device("cpu"))


def fill(made: Slots, slot: int, tokens: list[int]) -> None:
    """Keys and values that tell their tokens."""
    made.extend(slot, tokens)
    held = torch.tensor(made.held(slot), dtype=torch.float32)
    made.keys[:, slot, :, : len(held)] = held[:, None]
    made.values[:, slot, :, : len(held)] = -held[:, None]


def test_a_slot_keeps_what_it_holds_for_a_prompt_that_begins_the_same() -> None:
    made = slots()
    first = made.take([1, 2, 3])
    fill(made, first, [1, 2, 3])
    made.give_back(first)

    again = made.take([1, 2, 9])
    made.reuse(again, [1, 2, 9])

    assert again == first
    assert made.held(again) == [1, 2]


def test_what_a_slot_in_use_holds_is_copied() -> None:
    made = slots()
    first = made.take([1, 2, 3])
    fill(made, first, [1, 2, 3])

    second = made.take([1, 2, 9])
    made.reuse(second, [1, 2, 9])

    assert second != first
    assert made.held(second) == [1, 2]
    assert made.keys[1, second, 0, :2, 0].tolist() == [1, 2]
    assert made.values[1, second, 0, :2, 3].tolist() == [-1, -2]
    assert made.held(first) == [1, 2, 3]


def test_of_slots_that_hold_nothing_of_it_the_one_unused_for_longest_is_taken() -> None:
    made = slots()
    taken = [made.take([number]) for number in range(3)]
    for slot in (taken[1], taken[0], taken[2]):
        fill(made, slot, [7, slot])
        made.give_back(slot)
    assert made.take([5]) == taken[1]


def test_what_a_failed_step_wrote_is_not_used() -> None:
    made = slots(1)
    slot = made.take([1, 2])
    fill(made, slot, [1, 2])
    made.forget(slot)
    made.give_back(slot)

    made.reuse(made.take([1, 2]), [1, 2])

    assert made.held(slot) == []


def test_the_numbers_of_a_slot_are_those_of_its_tensors() -> None:
    made = slots(3)
    assert made.shape.numbers * 3 == made.keys.numel() + made.values.numel()


def test_common_beginnings() -> None:
    assert [common([1, 2, 3], other) for other in ([], [1, 2, 3], [1, 2, 3, 4], [1, 5, 3], [2])] == [0, 3, 3, 1, 0]
