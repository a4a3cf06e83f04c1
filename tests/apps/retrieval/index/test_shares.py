from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from apps.retrieval.index.batches import LEAST, Demand, batch_shares


def demands(*of_tenants: list[int]) -> list[Demand]:
    """Versions with so many chunks, of one tenant for each list."""
    return [
        Demand(uuid.UUID(int=100 * tenant + place), uuid.UUID(int=tenant), chunks)
        for tenant, counts in enumerate(of_tenants, 1)
        for place, chunks in enumerate(counts)
    ]


def shared(*of_tenants: list[int], size: int) -> list[int]:
    wanted = demands(*of_tenants)
    shares = batch_shares(wanted, size=size)
    return [shares.get(demand.version_id, 0) for demand in wanted]


def test_small_documents_fill_a_batch_and_one_at_most_is_divided() -> None:
    assert shared([10] * 32, size=256) == [10] * 25 + [6] + [0] * 6


def test_a_tenant_with_one_page_gets_it_whole_beside_another_with_thousands() -> None:
    assert shared([400, 300, 500], [1], size=256) == [128, 127, 0, 1]


def test_tenants_with_much_share_alike_and_what_one_leaves_goes_to_the_others() -> None:
    assert shared([500], [500], [30], size=230) == [100, 100, 30]


def test_the_first_of_a_tenant_goes_on_and_its_shortest_do_not_wait_for_it() -> None:
    assert shared([500, 400, 3, 2], size=100) == [50, 45, 3, 2]


def test_however_many_tenants_share_a_batch_a_page_is_not_divided() -> None:
    assert shared(*[[256 // LEAST]] * 32, size=256) == [256 // LEAST] * 32


TENANTS = st.lists(st.lists(st.integers(1, 300), min_size=1, max_size=8), min_size=1, max_size=32)


@given(TENANTS, st.integers(1, 256))
def test_a_batch_is_full_nobody_gets_more_than_there_is_and_each_tenants_first_gets_on(
    of_tenants: list[list[int]], size: int
) -> None:
    wanted = demands(*of_tenants)
    shares = batch_shares(wanted, size=size)
    most = max(size, max(1, size // LEAST) * len(of_tenants))
    assert sum(shares.values()) == min(most, sum(demand.chunks for demand in wanted))
    assert all(0 < shares[demand.version_id] <= demand.chunks for demand in wanted if demand.version_id in shares)
    firsts = {demand.tenant_id: demand.version_id for demand in reversed(wanted)}
    assert set(firsts.values()) <= shares.keys()
