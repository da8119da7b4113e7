"""Options of `pyzbpf run` that become options of attach()."""

from __future__ import annotations

import argparse
import signal

import pytest

from pyzbpf.cli import attach_options, watch
from pyzbpf.links.attach import KINDS


def test_there_is_a_row_for_each_option_that_is_text() -> None:
    taken = {option for _, options in KINDS.values() for option in options}
    assert {option for _, option, *_ in attach_options._ROWS} == taken - attach_options.FROM_PYTHON_ONLY
    for file, needed in attach_options._NEEDED.items():
        kinds = [options for name, options in KINDS.values() if name == f"pyzbpf.links.{file}"]
        assert kinds and all(set(needed) <= set(options) for options in kinds), file


def test_only_what_was_given_is_passed_on() -> None:
    parser = argparse.ArgumentParser()
    attach_options.add_arguments(parser)
    arguments = parser.parse_args(["--tracepoint", "sched/sched_switch", "--offset", "0x10"])
    assert attach_options.given(arguments) == {"target": "sched/sched_switch", "offset": 16}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_unwinds(number: signal.Signals) -> None:
    """So that what is attached is detached: an exception, and not the end of the process."""
    before = signal.getsignal(number)
    with watch.Stop() as stop:
        signal.raise_signal(number)
        assert stop.requested
        assert stop.exit_code == (0 if number == signal.SIGINT else 128 + number)
        with pytest.raises((KeyboardInterrupt, SystemExit)) as ended:
            signal.raise_signal(number)
    assert number == signal.SIGINT or ended.value.code == 128 + number
    assert signal.getsignal(number) is before
