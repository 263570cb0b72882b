"""Ports for servers that must be told one before they start."""

import random
import socket

_given = set()


def free_port(host="127.0.0.1"):
    """Not of those that outgoing connections get (ip_local_port_range begins at 32768): one may have it by the time somebody
    listens on it. No port is given twice."""
    for port in random.sample(range(10_000, 32_000), 1_000):
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError("no free port")
