"""What holds for every test."""

from __future__ import annotations

import signal

try:
    import hypothesis
except ImportError:  # the guests of tests/vm run the tests for the kernel only
    pass
else:
    # A busy machine is no failure: how long one example takes says nothing.
    hypothesis.settings.register_profile("pyzbpf", deadline=None)
    hypothesis.settings.load_profile("pyzbpf")


def pytest_configure() -> None:
    """Signals do what they ordinarily do, in the tests and in the processes that they start.

    Whoever starts the tests by `nohup` or with `&` in a script has them ignored, and children inherit that.
    """
    for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
