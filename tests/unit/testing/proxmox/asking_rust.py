"""Asking a Backup Server or a Datacenter Manager stand-in."""

from certpush.testing.lab.proxmox import ProxmoxBackup, ProxmoxDatacenter
from unit.testing.proxmox.asking import ask, parts

CUSTOM = "/nodes/localhost/certificates/custom"
INFO = "/nodes/localhost/certificates/info"
PREFIX = {ProxmoxBackup: "PBS", ProxmoxDatacenter: "PDM"}


def token(server, separator=":"):
    return {"Authorization": f"{PREFIX[type(server)]}APIToken={server.token_id}{separator}{server.token}"}


def call(server, method, path, given=None, **more):
    return ask(server, method, path, given, **{"headers": token(server), **more})


def upload(server, bundle, **more):
    return call(server, "POST", CUSTOM, parts(bundle, **more))


def files(server):
    return tuple(server.files.values())


def refused(said, text, status=400):
    return (said.status, said.body.decode()) == (status, text)
