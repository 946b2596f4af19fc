"""Ends each Python process that uses the network, and notes it in the file NETWORK_USED.

Python runs this in processes that have the folder on their path. Sockets of the same machine that
are no network, as between the processes of a pool, are allowed.
"""

import os
import socket
import sys

_LOOK_UPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
_CONNECTIONS = {"socket.connect", "socket.sendto", "socket.sendmsg", "urllib.Request"}


def _guard(event, arguments):
    if event not in _LOOK_UPS and event not in _CONNECTIONS:
        return
    of_socket = event in _CONNECTIONS and event != "urllib.Request"
    if of_socket and arguments[0].family not in (socket.AF_INET, socket.AF_INET6):
        return
    note = os.open(os.environ["NETWORK_USED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(note, f"{event} {arguments!r} {sys.orig_argv}\n".encode(errors="backslashreplace"))
    os.close(note)
    os._exit(99)


sys.addaudithook(_guard)
