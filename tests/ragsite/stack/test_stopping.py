from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from ragsite.stack.stopping import FATAL_SIGNALS, Stopped, held, is_hurried, stoppable, stopping_begins


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.fixture
def _terminal() -> Iterator[None]:
    """A closed terminal is a signal here, also where the tests were started by `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("_terminal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_ends_the_block_and_its_exit_code_is_that_of_a_shell(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as stopped, stoppable():
        send(number)
        threading.Event().wait(10)
    assert stopped.value.exit_code == 128 + number
    assert signal.getsignal(number) is before


def test_a_signal_waits_until_what_is_being_started_is_noted() -> None:
    noted = []
    with pytest.raises(Stopped), stoppable(), held():
        with held():
            send(signal.SIGTERM)
        noted.append("started")
    assert noted == ["started"]


def test_while_things_are_stopped_a_signal_interrupts_nothing_and_hastens_them() -> None:
    with stoppable():
        stopping_begins()
        assert not is_hurried()
        send(signal.SIGINT)
        send(signal.SIGTERM)
        assert is_hurried()
    with stoppable():
        assert not is_hurried()


def test_after_the_first_signal_no_other_is_raised() -> None:
    cleaned = []
    with pytest.raises(Stopped), stoppable():
        try:
            send(signal.SIGTERM)
        finally:
            send(signal.SIGTERM)
            cleaned.append("all")
    assert cleaned == ["all"]


def test_a_signal_that_is_not_asked_for_is_left_to_the_command() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stoppable(FATAL_SIGNALS):
        assert signal.getsignal(signal.SIGINT) is before


def test_a_closed_terminal_ends_nothing_that_was_started_to_outlive_it() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            send(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
