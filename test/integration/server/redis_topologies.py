"""Redis made of several servers: a master with its Sentinels, and a Cluster; in plain text or over TLS."""

import contextlib
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from eventually import eventually
from ports import free_port
from redis_server import ErrorReply, RedisServer

HOST = "127.0.0.1"
SLOTS = 16384


@dataclass(frozen=True)
class Tls:
    """What a server shows, and who may vouch for its peers, all of which must show a certificate."""
    chain: Path
    key: Path
    authorities: Path

    @staticmethod
    def issued_by(authority, authorities):
        """Redis shows the same certificate as a server and as a client of other servers."""
        issued = authority.issue("/CN=redis", ["extendedKeyUsage = serverAuth,clientAuth", f"subjectAltName = IP:{HOST}"])
        return Tls(issued.chain, issued.key, authorities)

    def options(self):
        return ["--tls-cert-file", self.chain, "--tls-key-file", self.key, "--tls-ca-cert-file", self.authorities,
                "--tls-auth-clients", "yes", "--tls-replication", "yes"]


class Node(RedisServer):
    """A server that others reach at `address`: by TLS only, if it has any."""

    def __init__(self, directory, *options, tls=None, **more):
        directory.mkdir()
        self.port = free_port()
        self.address = f"{HOST}:{self.port}"
        listen = ["--tls-port", self.port, *tls.options()] if tls else ["--port", self.port]
        super().__init__(directory, "--bind", HOST, *listen, *options, **more)


class Watched:
    """A master, its replica, and three Sentinels that call it "jobs". The queues' servers have a password, and the Sentinels
    have one of their own."""

    def __init__(self, directory, password, sentinel_password, tls=None, sentinel_tls=None):
        options = ["--requirepass", password, "--masterauth", password, "--repl-diskless-sync-delay", "0"]
        self.master = Node(directory / "m", *options, tls=tls, password=password)
        self.replica = Node(directory / "r", *options, "--replicaof", HOST, self.master.port, tls=tls, password=password)
        self.sentinels = []
        for i in range(3):
            config = directory / f"s{i}.conf"
            config.write_text(f"sentinel monitor jobs {HOST} {self.master.port} 2\n"
                              f"sentinel auth-pass jobs {password}\n"
                              f"sentinel sentinel-pass {sentinel_password}\n"
                              "sentinel down-after-milliseconds jobs 60000\n"  # None is down before promote(), however slow.
                              "sentinel failover-timeout jobs 2000\n")
            self.sentinels.append(Node(directory / f"s{i}", "--requirepass", sentinel_password, "--sentinel",
                                       tls=sentinel_tls, config_file=config, password=sentinel_password))

    def __enter__(self):
        with contextlib.ExitStack() as started:
            for server in (self.master, self.replica, *self.sentinels):
                server.start()
                started.callback(server.kill)
            eventually(lambda: self.replica.run("role")[3] == "connected")
            eventually(lambda: all(self._knows_all(sentinel) for sentinel in self.sentinels))
            self._started = started.pop_all()
        return self

    def __exit__(self, *_):
        self._started.close()

    def promote(self):
        """Ends the master as a crash would. Returns the new one, once it is one."""
        def is_master():
            try:
                return self.replica.run("role")[0] == "master"
            except ConnectionError:  # Sentinels close all connections of a server that they promote.
                return False
        self.master.kill()
        for sentinel in self.sentinels:
            sentinel.run("sentinel", "set", "jobs", "down-after-milliseconds", "500")
        # Sentinels repeat a failover that was too slow for them, and do nothing for 30 s after they had to wait themselves.
        eventually(is_master, within=180)
        return self.replica

    def _knows_all(self, sentinel):
        return (len(sentinel.run("sentinel", "sentinels", "jobs")) == len(self.sentinels) - 1
                and len(sentinel.run("sentinel", "replicas", "jobs")) == 1)


class Cluster:
    """Three masters. Moves its slots as redis-cli does."""

    def __init__(self, directory, tls=None):
        self.bus_ports = [free_port() for _ in range(3)]
        # No node is to fail: one that only had to wait for the processor would take its slots with it.
        self.nodes = [Node(directory / f"n{i}", "--cluster-enabled", "yes", "--cluster-port", bus_port,
                           "--cluster-node-timeout", "30000", *(["--tls-cluster", "yes"] if tls else []), tls=tls)
                      for i, bus_port in enumerate(self.bus_ports)]

    def __enter__(self):
        with contextlib.ExitStack() as started:
            for i, node in enumerate(self.nodes):
                node.start()
                started.callback(node.kill)
                node.run("cluster", "set-config-epoch", str(i + 1))
                node.run("cluster", "addslotsrange", str(SLOTS * i // 3), str(SLOTS * (i + 1) // 3 - 1))
            # Each meets each, and below each is told of a move, since gossip takes its time.
            for (node, _), (other, bus_port) in permutations(zip(self.nodes, self.bus_ports), 2):
                node.run("cluster", "meet", HOST, str(other.port), str(bus_port))
            eventually(lambda: all("cluster_state:ok" in node.run("cluster", "info") for node in self.nodes))
            self._started = started.pop_all()
        return self

    def __exit__(self, *_):
        self._started.close()

    def run(self, key, *arguments):
        """A command that only the node of `key` takes."""
        for node in self.nodes:
            try:
                return node.run(*arguments)
            except ErrorReply as error:
                if not str(error).startswith("MOVED"):
                    raise
        raise AssertionError(f"no node has {key}")

    def owner(self, key):
        """The index of the node that has `key`, once all nodes agree."""
        slot = int(self.nodes[0].run("cluster", "keyslot", key))

        def owners():  # By their ids: Redis 8 tells no port of a node that has one for TLS only to whom does not use it.
            return {name for node in self.nodes for first, last, (_, _, name, *_), *_ in node.run("cluster", "slots")
                    if first <= slot <= last}
        [owner] = eventually(lambda: owners() if len(owners()) == 1 else None)
        return [node.run("cluster", "myid") for node in self.nodes].index(owner)

    def move(self, key):
        """The slot of `key` goes to the next node, its keys one after the other."""
        index = self.owner(key)
        source, target = self.nodes[index], self.nodes[(index + 1) % 3]
        slot = str(source.run("cluster", "keyslot", key))
        target.run("cluster", "setslot", slot, "importing", source.run("cluster", "myid"))
        source.run("cluster", "setslot", slot, "migrating", target.run("cluster", "myid"))
        for moved in source.run("cluster", "getkeysinslot", slot, "1000"):
            source.run("migrate", HOST, str(target.port), moved, "0", "10000")
        for node in (target, source):
            node.run("cluster", "setslot", slot, "node", target.run("cluster", "myid"))
        assert self.owner(key) == (index + 1) % 3
