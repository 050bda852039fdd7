"""Without a route: an audit of photographs works, and the kernel sees nobody trying to reach out."""

import os
import sys

import pytest

from tests.air_gap.enclosure import Enclosed, explain_impossible, run_enclosed

REACH_OUT = """
import socket
for family, address in ((socket.AF_INET, "203.0.113.1"), (socket.AF_INET6, "2001:db8::1")):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(family, kind) as opened:
            try:
                opened.connect((address, 53))
            except OSError as error:
                print(error.strerror)
"""


def enclose(*command: str) -> Enclosed:
    reason = explain_impossible()
    if reason is not None:
        pytest.skip(reason)
    return run_enclosed([sys.executable, *command], os.environ)


def test_whoever_reaches_out_is_seen() -> None:
    done = enclose("-c", REACH_OUT)
    assert done.output.splitlines() == ["Network is unreachable"] * 4
    assert done.attempts == {"Ip:OutNoRoutes": 2, "Ip6OutNoRoutes": 2}


@pytest.mark.service
def test_photographs_are_audited_and_nothing_reaches_out() -> None:
    done = enclose("-m", "tests.air_gap.small_audit")
    assert done.returncode == 0, done.output
    assert "24 photographs audited" in done.output
    assert "pages load" in done.output
    assert done.attempts == {"Ip:OutNoRoutes": 0, "Ip6OutNoRoutes": 0}, done.output
