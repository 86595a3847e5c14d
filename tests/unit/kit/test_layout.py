"""What a table with files may not say, and what to write instead."""

from __future__ import annotations

import pytest

from certpush.errors import ConfigError
from certpush.kit.layout import LayoutSettings
from certpush.model import Secret

PAIR = {"fullchain": "/etc/ssl/svc.crt", "key_file": "/etc/ssl/svc.key"}


@pytest.mark.parametrize(
    ("more", "says", "hint"),
    [
        ({"fullchain": "svc.crt"}, "fullchain: 'svc.crt' is not a path to write to", "without . or .. in it"),
        ({"fullchain": "/etc/../svc.crt"}, "fullchain: '/etc/../svc.crt' is not a path", "in full"),
        ({"fullchain": "/etc/ssl/"}, "fullchain: '/etc/ssl/' is not a path", "in full"),
        ({"fullchain": "/etc/\x1b[2J.crt"}, r"'/etc/\x1b[2J.crt' is not a path", "in full"),
        ({"fullchain": "/etc/" + "x" * 151}, "xxx...' is too long", "at most 150 characters for a name"),
        ({"fullchain": "/etc" + "/x" * 520}, "/x/...' is too long", "1024 in all"),
        ({"key_file": "/etc/ssl/svc.crt"}, "two of the files have the same path", "use `combined`"),
        ({"directory": "/etc/ssl/svc"}, "directory stands beside single files", "leave out directory, or fullchain, key_file"),
        ({"fullchain": None}, "nothing says where the certificate goes", "or directory"),
        ({"key_file": None}, "nothing says where the private key goes", "or use combined"),
        ({"owner": "a b"}, "owner: 'a b' is not the name of an account", "a name or a number"),
        ({"group": "a;b"}, "group: 'a;b' is not the name of an account", "a name or a number"),
        ({"mode": "rw"}, "mode: 'rw' is not a file mode", '"0640"'),
        ({"certificate_mode": "888"}, "certificate_mode: '888' is not a file mode", '"0640"'),
        ({"mode": "0644"}, "mode: 0644 would let everybody read the private key", 'group = "www-data"'),
        ({"pkcs12_password": Secret("x")}, "pkcs12_password stands without pkcs12", "leave the password out"),
        ({"check": (" ", "-t")}, "check: the command has no name", "as a list of words: check ="),
        ({"reload": ("nginx", "-s\n")}, r"reload: '-s\n' holds characters that no command needs", "remove them"),
        ({"reload": ("cat", "{fullchain}")}, "reload: names in braces are for check only", "write the path itself"),
        ({"check": ("cat", "{root}")}, "check: there is no file {root} in this target", "there are {fullchain}, {key_file}"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(more, says, hint):
    with pytest.raises(ConfigError) as refused:
        LayoutSettings(**PAIR | more)
    assert says in refused.value.message
    assert hint in refused.value.hint
    assert "\x1b" not in refused.value.message


def test_braces_themselves_are_no_name():
    settings = LayoutSettings(**PAIR, check=("awk", "{{print}}", "{fullchain}"))
    (order,) = settings.checks(settings.places())
    assert [*order.words] == ["awk", "{print}", "/etc/ssl/svc.crt"]
