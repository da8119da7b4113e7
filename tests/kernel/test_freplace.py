"""A function of a loaded program that another program takes the place of."""

from __future__ import annotations

import pytest

from pyzbpf.errors import Error, NotFoundError, ObjectError, UnsupportedError
from tests.support import features, zig_probes
from tests.support.probes import PACKET

LENGTH = len(PACKET) - 14  # a socket filter sees no Ethernet header in test_run


@pytest.fixture
def target():
    features.needs_types()  # by which the verifier knows the context that a function of the program's own is given
    with zig_probes.spec("links/extensions").load() as probe:
        yield probe


def extension(**options):
    features.needs_jit("freplace")
    spec = zig_probes.spec("links/extensions")
    spec.programs["filter"].autoload = False
    spec.programs["other"].autoload = True
    try:
        return spec.load(**options)
    except Error as error:
        reason = features.no_trampolines(error)
        if reason:
            pytest.skip(reason)
        raise


def attached(probe, **options):
    """Its link; where this system's policy or its kernel has no such thing, a skip."""
    try:
        return probe.programs["other"].attach(**options)
    except Error as error:
        reason = features.no_trampolines(error)
        if not reason:
            raise
        probe.close()
        pytest.skip(reason)


def test_it_decides_until_it_is_detached(target):
    run = target.programs["filter"].test_run
    assert run(PACKET).retval == LENGTH
    with extension(targets={"other": target.programs["filter"]}) as probe:
        link = attached(probe)
        assert link.target == "freplace of 'decide'"
        assert run(PACKET).retval == 77
        link.detach()
        assert run(PACKET).retval == LENGTH


def test_of_a_second_program(target):
    features.since("5.10", "freplace of another program than it was loaded for")
    with (
        zig_probes.spec("links/extensions").load() as second,
        extension(targets={"other": target.programs["filter"]}) as probe,
    ):
        attached(probe, target=second.programs["filter"])
        assert second.programs["filter"].test_run(PACKET).retval == 77
        assert target.programs["filter"].test_run(PACKET).retval == LENGTH
        with pytest.raises(NotFoundError, match=r"no function 'decides'; it has decide, filter"):
            probe.programs["other"].attach(target=second.programs["filter"], function="decides")


def test_what_is_not_said(target):
    spec = zig_probes.spec("links/extensions")
    spec.programs["other"].autoload = True
    with pytest.raises(ObjectError, match=r"not said of which(.|\n)*spec.load\(targets=\{'other': other"):
        spec.load()
    with pytest.raises(KeyError, match="no program 'others'"):
        spec.load(targets={"others": target.programs["filter"]})
    spec.programs["other"].target = "decides"
    with pytest.raises(
        (NotFoundError, UnsupportedError), match="no function 'decides'; it has decide, filter"
    ):
        spec.load(targets={"other": target.programs["filter"]})
    spec.programs["other"].target = ""
    with pytest.raises(ObjectError, match="does not say which function"):
        spec.load(targets={"other": target.programs["filter"]})
