import socket
import time

from autotag.outbound_http.connection import Deadline


def _pair():
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    return ours, theirs


def test_a_connection_is_cut_when_the_time_is_over():
    ours, theirs = _pair()
    with ours, theirs, Deadline(0.05) as deadline:
        deadline.watch(ours)
        assert deadline.is_connected
        assert ours.recv(1) == b""
        assert deadline.has_passed
        assert deadline.seconds_left == 0


def test_a_connection_that_comes_too_late_is_cut_at_once():
    ours, theirs = _pair()
    with ours, theirs, Deadline(0.01) as deadline:
        time.sleep(0.05)
        deadline.watch(ours)
        assert ours.recv(1) == b""


def test_nothing_is_cut_after_the_call():
    ours, theirs = _pair()
    with ours, theirs:
        with Deadline(0.05) as deadline:
            deadline.watch(ours)
        time.sleep(0.1)
        theirs.send(b"x")
        assert ours.recv(1) == b"x"
        assert not deadline.has_passed


def test_a_connection_that_is_closed_already_is_let_be():
    ours, theirs = _pair()
    ours.close()
    with theirs, Deadline(0.01) as deadline:
        deadline.watch(ours)
        time.sleep(0.05)
        assert deadline.has_passed
