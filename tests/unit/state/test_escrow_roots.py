"""Who only looks at an endpoint needs the roots of its certificate, and no key."""

from certpush.state.escrow import Escrow


def test_the_roots_are_those_of_the_newest_generation(state):
    bundle = state.deployed("mail")
    assert Escrow(state.directory / "certificates").roots("mail") == bundle.roots_pem


def test_they_are_read_without_the_key(state):
    bundle = state.deployed("mail")
    for key in state.directory.rglob("key.pem"):
        key.unlink()
    assert Escrow(state.directory / "certificates").roots("mail") == bundle.roots_pem


def test_where_there_are_none_or_they_are_gone_nobody_is_trusted(state):
    escrow = Escrow(state.directory / "certificates")
    assert escrow.roots("mail") == b""
    state.deployed("mail")
    for roots in state.directory.rglob("roots.pem"):
        roots.unlink()
    assert escrow.roots("mail") == b""
