"""Secret references: each way in, each refusal, and that a refusal never repeats the secret."""

from __future__ import annotations

import errno
import io
import os
import sys
import types
from pathlib import Path

import pytest

from certpush import references
from certpush.errors import ConfigError
from certpush.references import References, read_private_file

CANARY = "canary-5ecret"


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text(CANARY + "\n")
    path.chmod(0o600)
    return path


def refused(reference, environ=None, **more):
    with pytest.raises(ConfigError) as caught:
        References({} if environ is None else environ, **more).read(reference)
    assert caught.value.hint
    assert CANARY not in caught.value.message + caught.value.hint
    assert caught.value.__cause__ is None
    return caught.value


# --- what a reference looks like ---------------------------------------------------------------


@pytest.mark.parametrize("literal", [CANARY, "", f"https:{CANARY}", f"FILE:{CANARY}", f"{CANARY}:x", f":{CANARY}"])
def test_a_literal_secret_is_refused_with_the_way_to_move_it(literal):
    assert "file:" in refused(literal).hint


@pytest.mark.parametrize("scheme", ["file", "cred", "env", "cmd", "keyring"])
def test_a_reference_that_names_nothing_is_refused(scheme):
    assert "names no secret" in refused(f"{scheme}:").message
    assert "NUL" in refused(f"{scheme}:a\0b").message


# --- file: -------------------------------------------------------------------------------------


def test_a_private_file_is_read_without_its_trailing_newline(secret_file):
    assert References({}).read(f"file:{secret_file}").reveal() == CANARY


def test_a_tilde_is_the_home_directory(secret_file, monkeypatch):
    monkeypatch.setenv("HOME", str(secret_file.parent))
    assert References({}).read("file:~/secret").reveal() == CANARY
    assert "home directory" in refused("file:~nobody-of-this-name/x").message


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o610, 0o602])
def test_a_file_that_others_may_reach_is_refused(secret_file, mode):
    secret_file.chmod(mode)
    assert refused(f"file:{secret_file}").hint == f"chmod 600 {secret_file}"


def test_a_file_of_another_user_is_refused(secret_file, monkeypatch):
    monkeypatch.setattr(references.os, "geteuid", lambda: 4711)
    if os.getuid() == 0:
        os.chown(secret_file, 4712, -1)
    error = refused(f"file:{secret_file}")
    assert "another user" in error.message
    assert error.hint == f"chown 4711 {secret_file}"


@pytest.mark.parametrize("content", [b"", b"\n", b" \t\n"])
def test_an_empty_secret_is_refused(secret_file, content):
    secret_file.write_bytes(content)
    assert "empty" in refused(f"file:{secret_file}").message


def test_what_is_no_file_with_a_short_text_is_refused(tmp_path, secret_file):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    assert "no regular file" in refused(f"file:{fifo}").message
    assert "no regular file" in refused(f"file:{tmp_path}").message
    assert "No such file" in refused(f"file:{tmp_path}/none").message
    secret_file.write_bytes(CANARY.encode() * 10_000)
    assert "larger than 64 KiB" in refused(f"file:{secret_file}").message
    secret_file.write_bytes(b"\xff\xfe" + CANARY.encode())
    assert "not a text" in refused(f"file:{secret_file}").message


def test_a_file_that_fails_while_it_is_read_is_refused(secret_file, monkeypatch):
    class Broken(io.BytesIO):
        def __init__(self, descriptor):
            super().__init__()
            self._descriptor = descriptor

        def fileno(self):
            return self._descriptor

        def read(self, _size=-1):
            raise OSError(errno.EIO, "Input/output error")

        def close(self):
            if not self.closed:
                os.close(self._descriptor)
            super().close()

    monkeypatch.setattr(references.os, "fdopen", lambda descriptor, _mode: Broken(descriptor))
    with pytest.raises(ConfigError, match="Input/output error"):
        read_private_file(secret_file)


# --- cred: -------------------------------------------------------------------------------------


def test_a_systemd_credential_is_read_from_its_directory(secret_file):
    environ = {"CREDENTIALS_DIRECTORY": str(secret_file.parent)}
    assert References(environ).read("cred:secret").reveal() == CANARY


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", "."])
def test_a_credential_is_a_name_and_no_path(secret_file, name):
    assert "not the name" in refused(f"cred:{name}", {"CREDENTIALS_DIRECTORY": str(secret_file.parent)}).message


def test_credentials_need_systemd():
    assert "LoadCredential" in refused("cred:token").hint


# --- env: --------------------------------------------------------------------------------------


def test_a_variable_is_taken_out_of_the_environment_and_remembered():
    environ = {"TOKEN": CANARY}
    reader = References(environ)
    assert reader.read("env:TOKEN").reveal() == CANARY
    assert environ == {}
    assert reader.read("env:TOKEN").reveal() == CANARY


def test_looking_only_leaves_the_environment_alone():
    environ = {"TOKEN": CANARY}
    assert References(environ, look_only=True).read("env:TOKEN").reveal() == CANARY
    assert environ == {"TOKEN": CANARY}


def test_a_variable_that_is_not_set_is_named():
    assert "TOKEN is not set" in refused("env:TOKEN").message


# --- cmd: --------------------------------------------------------------------------------------


def test_a_command_gives_its_first_line_and_sees_no_other_secret():
    script = 'import os,sys; print(os.environ.get("OTHER", "nothing")); print("second")'
    environ = {"PATH": os.environ["PATH"], "OTHER": CANARY}
    assert References(environ).read(f"cmd:{sys.executable} -c '{script}'").reveal() == "nothing"


def test_a_command_is_no_shell():
    assert References({}).read("cmd:/bin/echo '$(id)' ; ls").reveal() == "$(id) ; ls"


def test_looking_only_runs_no_command_and_asks_no_keyring(tmp_path):
    trace = tmp_path / "ran"
    reader = References({}, look_only=True)
    assert reader.read(f"cmd:/usr/bin/touch {trace}").reveal() == ""
    assert not trace.exists()
    assert reader.read("keyring:service/user").reveal() == ""


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("cmd: ", "names no command"),
        ("cmd:pass 'show", "quotation mark"),
        ("cmd:/nonexistent/program", "No such file"),
        ("cmd:/bin/sh -c 'echo canary-5ecret >&2; exit 3'", "exit status 3"),
        ("cmd:/bin/true", "empty"),
    ],
)
def test_a_command_that_gives_no_secret_is_named_with_the_reason(command, why):
    with pytest.raises(ConfigError) as caught:
        References({}).read(command)
    assert why in caught.value.message
    assert CANARY not in caught.value.message


def test_a_command_that_does_not_end_is_given_up(monkeypatch):
    monkeypatch.setattr(references, "_COMMAND_SECONDS", 0.05)
    assert "no answer in 0.05 s" in refused("cmd:/bin/sleep 30").message


# --- keyring: ----------------------------------------------------------------------------------


class KeyringError(Exception):
    pass


def install_keyring(monkeypatch, answer):
    module = types.ModuleType("keyring")
    module.errors = types.SimpleNamespace(KeyringError=KeyringError)
    module.get_password = answer
    monkeypatch.setitem(sys.modules, "keyring", module)


def test_the_keyring_is_asked_for_service_and_user(monkeypatch):
    install_keyring(monkeypatch, lambda service, user: f"{service}+{user}")
    assert References({}).read("keyring:certpush/admin").reveal() == "certpush+admin"


def test_a_keyring_without_the_secret_or_without_itself_says_so(monkeypatch):
    install_keyring(monkeypatch, lambda _service, _user: None)
    assert refused("keyring:certpush/admin").hint == "keyring set certpush admin"
    assert "service and a user" in refused("keyring:certpush").message

    def locked(_service, _user):
        raise KeyringError(CANARY)

    install_keyring(monkeypatch, locked)
    assert "KeyringError" in refused("keyring:certpush/admin").message
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "certpush[keyring]" in refused("keyring:certpush/admin").hint


def test_the_path_of_a_private_file_is_a_path(secret_file):
    assert read_private_file(Path(secret_file)) == CANARY + "\n"
