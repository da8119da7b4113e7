"""What holds for every test."""

from __future__ import annotations

try:
    import hypothesis
except ImportError:  # the guests of tests/vm run the tests for the kernel only
    pass
else:
    # A busy machine is no failure: how long one example takes says nothing.
    hypothesis.settings.register_profile("pyzbpf", deadline=None)
    hypothesis.settings.load_profile("pyzbpf")
