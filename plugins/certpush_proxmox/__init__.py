"""Certificates for the web UIs of Proxmox: VE (one node or a cluster), Backup Server, Mail Gateway, Datacenter Manager.

One module a kind (``ve``, ``backup``, ``mail``, ``datacenter``) says how that product differs; all
else is shared: ``target`` has the verbs, ``api`` the way there, ``refusals`` what is answered.
"""
