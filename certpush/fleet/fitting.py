"""Whether what is configured can work at all: seen from the configuration alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from certpush.config import TargetSpec
from certpush.model import Endpoint, Finding, Name, Severity, name_covers
from certpush.target import TargetKind


def key_fits(spec: TargetSpec, kind: TargetKind[Any]) -> Finding:
    """Whether the kind takes the key that is configured."""
    wanted = spec.certificate.request.key
    if wanted in kind.accepted_keys:
        return Finding(Severity.OK, "key", f"{kind.name} takes {wanted} keys")
    accepted = ", ".join(sorted(kind.accepted_keys))
    return Finding(Severity.ERROR, "key", f"{kind.name} does not take {wanted} keys", f"set key to one of: {accepted}")


def names_fit(names: Sequence[Name], endpoints: Iterable[Endpoint]) -> Iterator[Finding]:
    """Whether the certificate will cover each endpoint where it is served."""
    for endpoint in endpoints:
        if name_covers(tuple(names), endpoint.name):
            yield Finding(Severity.OK, "names", f"the certificate will cover {endpoint.name}")
        else:
            yield Finding(
                Severity.ERROR,
                "names",
                f"the certificate would not cover {endpoint.name}, where it is served",
                f'add "{endpoint.name}" to names, or write the endpoint as "{endpoint}#NAME"',
            )
