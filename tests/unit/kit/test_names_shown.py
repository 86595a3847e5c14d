"""Subject and issuer of a stranger's certificate, as they are shown."""

from __future__ import annotations

from certpush.kit.shown import issuer_of, subject_of
from unit.rotation.answers import make_ca, tampered


def test_names_are_shown_as_they_stand_there():
    below = make_ca("Root").below("Inter\x1b[2Jmediate").certificate
    assert issuer_of(below) == "CN=Root"
    assert subject_of(below) == r"CN=Inter\x1b[2Jmediate"


def test_a_name_that_cannot_be_read_is_shown_as_such():
    odd = tampered(make_ca("Odd Name").certificate, "0c084f6464204e616d65", "0c084f6464ff4e616d65")
    assert (subject_of(odd), issuer_of(odd)) == ("(unreadable)", "(unreadable)")
