"""The contract, held against files of this machine: alone, in a directory of our own, and behind a real nginx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from certpush.model import Endpoint, Secret
from certpush.testing.authority import Authority
from certpush.testing.contract import TargetCase, TargetContract
from certpush.testing.files_on_disk import Reload, everything_in, plant, write_pair
from certpush.testing.lab.nginx import Nginx
from certpush_file import certpush_target
from certpush_file.settings import FileSettings

PASSWORD = "the-password-of-the-pkcs12-file"  # noqa: S105 - made up, and searched for in all that the target says


def the_case(folder: Path, settings: FileSettings, reload: Reload) -> TargetCase[FileSettings]:
    """Put files on trial."""
    return TargetCase(
        kind=certpush_target(),
        settings=settings,
        unreachable=None,  # files of this machine
        secrets=(PASSWORD,) if settings.pkcs12 else (),
        snapshot=lambda: everything_in(folder),
        broken_switch=reload.broken,
        foreign=lambda bundle: plant(folder, bundle),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where they are."""
    folder = tmp_path / "tls"
    folder.mkdir(mode=0o755)
    return folder


class TestSingleFiles(TargetContract):
    """Each file has its own place; nothing serves them here, so inspect() is what is seen."""

    @pytest.fixture
    def target_case(self, tmp_path: Path, folder: Path) -> TargetCase[FileSettings]:
        """See Trial."""
        reload = Reload(tmp_path, ["true"])
        settings = FileSettings(
            fullchain=str(folder / "svc.crt"),
            key_file=str(folder / "svc.key"),
            pkcs12=str(folder / "svc.p12"),
            pkcs12_password=Secret(PASSWORD),
            reload=reload.command,
        )
        return the_case(folder, settings, reload)


class TestManagedDirectory(TargetContract):
    """All files are switched together, by one link."""

    @pytest.fixture
    def target_case(self, tmp_path: Path, folder: Path) -> TargetCase[FileSettings]:
        """See Trial."""
        reload = Reload(tmp_path, ["true"])
        return the_case(folder, FileSettings(directory=str(folder), reload=reload.command), reload)


class TestBehindNginx(TargetContract):
    """A real server, that had a certificate before certpush came."""

    @pytest.fixture
    def target_case(self, tmp_path: Path, folder: Path) -> Iterator[TargetCase[FileSettings]]:
        """See Trial."""
        fullchain, key = folder / "svc.crt", folder / "svc.key"
        write_pair(Authority("Before").issue("before.example"), fullchain, key)
        with Nginx(fullchain, key) as nginx:
            reload = Reload(tmp_path, nginx.reload_command)
            settings = FileSettings(fullchain=str(fullchain), key_file=str(key), check=tuple(nginx.check_command), reload=reload.command)
            case = the_case(folder, settings, reload)
            case.endpoints = (Endpoint(nginx.host, nginx.port),)
            yield case
