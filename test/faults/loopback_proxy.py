"""A proxy between the server and its Redis that does to connections what networks do to them."""

import socket
import struct
import threading
import time
from contextlib import contextmanager

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class LoopbackProxy:
    """Passes everything on, but for the duration of one of its contexts. `target`: the path of a unix socket."""

    def __init__(self, target):
        self._target = str(target)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._changed = threading.Condition()
        self._pairs = set()
        self._delay = 0.0
        self._hold = False
        self._reset = False
        self._cut_after = None
        self._piece = 65536
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        self._end_all()
        for thread in [thread for pair in list(self._pairs) for thread in pair.threads]:
            thread.join()

    # What networks do ---------------------------------------------------------------------------------------------

    @contextmanager
    def delaying(self, seconds):
        """Everything comes late."""
        self._delay = seconds
        yield
        self._delay = 0.0

    @contextmanager
    def holding(self):
        """Nothing comes; at the end all of it comes at once, answers nobody waits for among it."""
        self._hold = True
        yield
        with self._changed:
            self._hold = False
            self._changed.notify_all()

    @contextmanager
    def dropping(self):
        """Nothing comes and nothing will, on any connection that saw it; the ends are not told."""
        with self.holding():
            yield
            self._end_all(quietly=True)

    @contextmanager
    def resetting(self):
        """Every connection is reset, and so is every new one."""
        self._reset = True
        self._end_all()
        yield
        self._reset = False

    @contextmanager
    def cutting(self, after):
        """Every connection ends in the middle of an answer, `after` bytes of answers from now or from its beginning."""
        with self._changed:
            for pair in list(self._pairs):
                pair.passed = 0
        self._cut_after = after
        yield
        self._cut_after = None

    @contextmanager
    def crumbling(self):
        """Every byte comes alone."""
        self._piece = 1
        yield
        self._piece = 65536

    # ---------------------------------------------------------------------------------------------------------------

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # Closed.
            far = socket.socket(socket.AF_UNIX)
            try:
                if self._reset:
                    raise ConnectionError
                far.connect(self._target)
            except OSError:
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                near.close()
                far.close()
                continue
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Pair(self, near, far).start()

    def _end_all(self, quietly=False):
        for pair in list(self._pairs):
            pair.end(reset=not quietly)


class _Pair:
    """The two connections of one client."""

    def __init__(self, proxy, near, far):
        self.passed = 0  # Bytes of answers.
        self._proxy = proxy
        self._near, self._far = near, far
        self._dead = False
        self.threads = [threading.Thread(target=self._run, args=ends, daemon=True) for ends in ((near, far), (far, near))]
        self._left = len(self.threads)

    def start(self):
        self._proxy._pairs.add(self)
        for thread in self.threads:
            thread.start()

    def end(self, reset):
        self._dead = True
        try:
            if reset:
                self._near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            # Wakes the threads; the close that follows is what the client notices.
            self._near.shutdown(socket.SHUT_RD)
            self._far.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # It is ending by itself.

    def _run(self, source, sink):
        try:
            while data := source.recv(65536):
                self._pass_on(data, sink)
        except OSError:
            pass
        finally:
            self._finish()

    def _pass_on(self, data, sink):
        proxy = self._proxy
        if proxy._delay:
            time.sleep(proxy._delay)
        with proxy._changed:
            proxy._changed.wait_for(lambda: not proxy._hold or self._dead)
        if self._dead:
            raise ConnectionError
        if sink is self._near and proxy._cut_after is not None:
            data = data[: max(0, proxy._cut_after - self.passed)]
            sink.sendall(data)
            self.passed += len(data)
            if self.passed >= proxy._cut_after:
                raise ConnectionError
            return
        piece = proxy._piece
        for begin in range(0, len(data), piece):
            sink.sendall(data[begin : begin + piece])
            if piece == 1:
                time.sleep(0.0002)

    def _finish(self):
        with self._proxy._changed:
            self._left -= 1
            last = self._left == 0
        if not last:
            for end in (self._near, self._far):
                try:
                    end.shutdown(socket.SHUT_RD if end is self._near else socket.SHUT_RDWR)
                except OSError:
                    pass
            return
        self._near.close()
        self._far.close()
        self._proxy._pairs.discard(self)
