"""The admin socket: a Unix socket on which each line is a request, and each answered by a line; and the client's end.

Both are JSON objects. A request goes to `handle` as it is; what that returns comes back as {"result": ...}, the text of
the `Refused` that it raises as {"error": ...}. What may be asked, and about whom, is not known here.

Whoever may open the socket may do everything, so its mode is 0600.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
from gevent.pool import Pool
from gevent.server import StreamServer

log = logging.getLogger(__name__)

# Bytes of one request. Answers are as long as they are: the client's end trusts its server.
LINE = 65_536

CONNECTIONS = 50
ANSWER_SECONDS = 60.0

# A command that works in the folder without a server is done within so many seconds, or something is wrong.
PATIENCE = 1.0

Handle = Callable[[dict[str, Any]], Any]


class Refused(Exception):
    """What was asked for cannot be done. The text is one line for people."""


class NotRunning(Refused):
    """There is no server to ask."""


class Claimed(Exception):
    """Another process works in the folder."""


class Claim:
    """Makes this process the only one that works in `folder`, until `release` or its death, however that comes.

    Raises Claimed when another one goes on being that, OSError when the folder cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        deadline = time.monotonic() + PATIENCE
        while not self._locked():
            if time.monotonic() > deadline:
                self.release()
                raise Claimed(folder)
            gevent.sleep(0.02)

    def _locked(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        os.close(self._fd)


class Control:
    """The server's end, which begins to answer at once: one greenlet for each connection.

    The caller has a `Claim` to the folder that `path` is in: a socket found there belongs to a server that died, and is
    replaced. Raises OSError when there can be none.
    """

    def __init__(self, path: Path, handle: Handle) -> None:
        self._path = path
        self._handle = handle
        path.unlink(missing_ok=True)
        sock = gevent.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(str(path))
            path.chmod(0o600)  # in time: nobody can connect before listen()
            sock.listen(CONNECTIONS)
        except OSError:
            sock.close()
            raise
        self._server = StreamServer(sock, self._converse, spawn=Pool(CONNECTIONS))
        self._server.start()

    def stop(self) -> None:
        """Takes the socket away and ends every connection: who waits for that knows that the server has gone."""
        self._path.unlink(missing_ok=True)
        self._server.stop(timeout=0)

    def _converse(self, sock: Any, _address: Any) -> None:
        try:
            with sock.makefile("rb") as requests:
                while (line := requests.readline(LINE)).endswith(b"\n"):
                    sock.sendall(answer(line, self._handle))
                if len(line) == LINE:
                    sock.sendall(_line({"error": f"a request has no more than {LINE} bytes"}))
        except OSError as error:
            log.debug("a control connection broke: %s", error)


def answer(request: bytes, handle: Handle) -> bytes:
    """The line that answers a line, whatever is in it."""
    try:
        asked = json.loads(request)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        return _line({"error": "a request is a JSON object"})
    try:
        return _line({"result": handle(asked)})
    except Refused as refused:
        return _line({"error": str(refused)})
    except Exception:
        log.exception("a request on the control socket failed")  # which is not quoted: it may hold a password
        return _line({"error": "the server failed to do this; its log says why"})


def ask(path: Path, request: dict[str, Any], *, until_gone: bool = False) -> Any:
    """The client's end: asks the server whose socket is at `path`, and returns the result.

    `until_gone`: returns only when that server has gone. Blocks the whole thread. Raises NotRunning; Refused when the
    server does so, or does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(ANSWER_SECONDS)
        try:
            sock.connect(str(path))
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            raise NotRunning(f"no server is running: nobody answers at {path}") from None
        except OSError as error:
            raise Refused(f"{path}: {error.strerror or error}") from None
        try:
            sock.sendall(_line(request))
            with sock.makefile("rb") as answers:
                line = answers.readline()
                result = _result(line)
                if until_gone:
                    sock.settimeout(None)
                    with suppress(ConnectionError):
                        answers.read()
        except TimeoutError:
            raise Refused(f"the server has not answered within {ANSWER_SECONDS:.0f} seconds") from None
        except OSError as error:
            raise Refused(f"the connection to the server broke: {error.strerror or error}") from None
    return result


def _result(line: bytes) -> Any:
    if not line.endswith(b"\n"):
        raise Refused("the server ended before it answered")
    answered = json.loads(line)
    if "error" in answered:
        raise Refused(answered["error"])
    return answered["result"]


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
