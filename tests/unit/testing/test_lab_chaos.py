"""The lab's proxy breaks connections exactly as asked."""

import socket
import time

import pytest

from certpush.testing.lab.chaos import Chaos, ChaosProxy
from certpush.testing.lab.process import wait_until
from certpush.testing.listener import Listener

REQUEST = b"0123456789"


class Shouter:
    """Reads ten bytes, answers with them in reverse ten times over; remembers what it got."""

    def __init__(self):
        self.got = []
        self.listener = Listener(self.answer)

    def answer(self, connection):
        received = b""
        while len(received) < len(REQUEST) and (more := connection.recv(100)):
            received += more
        self.got.append(received)
        if len(received) == len(REQUEST):
            connection.sendall(received[::-1] * 10)


@pytest.fixture
def shouter():
    server = Shouter()
    server.listener.start()
    yield server
    server.listener.stop()


def through(shouter, chaos=None, **more):
    return ChaosProxy("127.0.0.1", shouter.listener.port, chaos or Chaos(), **more)


def ask(proxy, patience=5.0) -> bytes:
    with socket.create_connection((proxy.host, proxy.port), timeout=patience) as client:
        client.sendall(REQUEST)
        answer = b""
        while more := client.recv(1000):
            answer += more
        return answer


def test_without_chaos_everything_passes(shouter):
    with through(shouter) as proxy:
        assert ask(proxy) == REQUEST[::-1] * 10
        assert (proxy.bytes_up, proxy.bytes_down, proxy.connections) == (10, 100, 1)


@pytest.mark.parametrize("after", range(10))
def test_a_cut_upwards_lets_exactly_so_many_bytes_pass(shouter, after):
    with through(shouter, Chaos(cut_after_up=after)) as proxy:
        assert ask(proxy) == b""
    wait_until(lambda: shouter.got, "the server heard of it", 10)
    assert shouter.got == [REQUEST[:after]]


@pytest.mark.parametrize("after", [0, 1, 99])
def test_a_cut_downwards_lets_exactly_so_many_bytes_pass(shouter, after):
    with through(shouter, Chaos(cut_after_down=after)) as proxy:
        assert ask(proxy) == (REQUEST[::-1] * 10)[:after]


def test_reset_is_a_reset(shouter):
    with through(shouter, Chaos(cut_after_up=5, reset=True)) as proxy, pytest.raises(ConnectionResetError):
        ask(proxy)


def exactly(client, size) -> bytes:
    received = b""
    while len(received) < size:
        received += client.recv(size - len(received))
    return received


def test_a_stall_passes_the_first_bytes_and_keeps_the_connection(shouter):
    with through(shouter, Chaos(stall_after_down=7)) as proxy, socket.create_connection((proxy.host, proxy.port), 5) as client:
        client.sendall(REQUEST)
        assert exactly(client, 7) == REQUEST[::-1][:7]
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_a_stall_upwards_leaves_the_server_waiting(shouter):
    with through(shouter, Chaos(stall_after_up=9)) as proxy, socket.create_connection((proxy.host, proxy.port), timeout=0.1) as client:
        client.sendall(REQUEST)
        with pytest.raises(TimeoutError):
            client.recv(1)
        assert shouter.got == []  # while the client is still there: when it goes, the server hears of that


def test_a_trickle_delivers_everything_one_byte_at_a_time(shouter):
    began = time.monotonic()
    with through(shouter, Chaos(trickle=0.001)) as proxy:
        assert ask(proxy) == REQUEST[::-1] * 10
    assert time.monotonic() - began >= 0.1


def test_a_dropped_answer_was_asked_for_and_never_arrives(shouter):
    with through(shouter, Chaos(drop_answer_after_up=10)) as proxy:
        assert ask(proxy) == b""
    assert shouter.got == [REQUEST]


def test_a_black_hole_accepts_and_stays_silent(shouter):
    with through(shouter, Chaos(black_hole=True)) as proxy, pytest.raises(TimeoutError):
        ask(proxy, patience=0.1)
    assert shouter.got == []


def test_only_the_first_connections_suffer(shouter):
    with through(shouter, Chaos(cut_after_down=0), only=1) as proxy:
        assert ask(proxy) == b""
        assert ask(proxy) == REQUEST[::-1] * 10


def test_refuse_closes_the_port_and_start_opens_it_again(shouter):
    with through(shouter) as proxy:
        port = proxy.port
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            ask(proxy)
        proxy.start()
        assert proxy.port == port
        assert ask(proxy) == REQUEST[::-1] * 10


def test_hang_up_ends_what_is_open(shouter):
    with through(shouter, Chaos(black_hole=True)) as proxy, socket.create_connection((proxy.host, proxy.port), 5) as client:
        client.sendall(REQUEST)
        wait_until(lambda: proxy.connections == 1, "the proxy accepts")
        proxy.hang_up()
        assert client.recv(10) == b""
