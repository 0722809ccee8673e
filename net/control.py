"""The admin socket: a Unix socket on which each line is a request, and each answered by a line; and the client's end.

Both are JSON objects. A request goes to `handle` as it is; what that returns comes back as {"result": ...}, the text of
the `Refused` that it raises as {"error": ...}; of a generator each value in a line of its own, until the client goes.
What may be asked, and about whom, is not known here.

Whoever may open the socket may do everything, so its mode is 0600.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
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

# The file in the folder that says who works there.
PID = "parley.pid"

Handle = Callable[[dict[str, Any]], Any]


class Refused(Exception):
    """What was asked for cannot be done. The text is one line for people."""


class NotRunning(Refused):
    """There is no server to ask."""


class Claimed(Exception):
    """Another process works in the folder."""


class Claim:
    """Makes this process the only one that works in `folder`, until `release` or its death, however that comes.

    What counts is the lock on the file `PID`; its process id is for people. One left behind is in nobody's way. Raises
    Claimed when another process goes on being that, OSError when the file cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        # Never unlinked: two could each lock a file of that name.
        self._fd = os.open(folder / PID, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + PATIENCE
        while not self._locked():
            if time.monotonic() > deadline:
                os.close(self._fd)
                raise Claimed(folder)
            gevent.sleep(0.02)
        with suppress(OSError):  # a full disk
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def _locked(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        with suppress(OSError):
            os.ftruncate(self._fd, 0)
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
                    with closing(answers(line, self._handle)) as lines:
                        for each in lines:
                            sock.sendall(each)
                if len(line) == LINE:
                    sock.sendall(_line({"error": f"a request has no more than {LINE} bytes"}))
        except OSError as error:
            log.debug("a control connection broke: %s", error)


def answers(request: bytes, handle: Handle) -> Generator[bytes, None, None]:
    """The lines that answer a line, whatever is in it: one, or one for each value of an iterator."""
    try:
        asked = json.loads(request)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        yield _line({"error": "a request is a JSON object"})
        return
    try:
        result = handle(asked)
        if isinstance(result, Generator):
            with closing(result):
                for each in result:
                    yield _line({"result": each})
        else:
            yield _line({"result": result})
    except Refused as refused:
        yield _line({"error": str(refused)})
    except Exception:
        log.exception("a request on the control socket failed")  # which is not quoted: it may hold a password
        yield _line({"error": "the server failed to do this; its log says why"})


def ask(path: Path, request: dict[str, Any], *, until_gone: bool = False, lasts: bool = False) -> Any:
    """The client's end: asks the server whose socket is at `path`, and returns the result.

    `until_gone`: returns only when that server has gone. `lasts`: the answer may take as long as it takes. Blocks the
    whole thread. Raises NotRunning; Refused when the server does so, or does not answer.
    """
    with _connected(path) as sock:
        sock.settimeout(None if lasts else ANSWER_SECONDS)
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


def follow(path: Path, request: dict[str, Any]) -> Iterator[Any]:
    """Asks for something that goes on: yields each result that comes, but for None, which only says that it goes on.

    Ends when the server does; closing the iterator ends it there too. Raises what `ask` raises.
    """
    with _connected(path) as sock:
        try:
            sock.sendall(_line(request))
            with sock.makefile("rb") as lines:
                for line in lines:
                    result = _result(line)
                    if result is not None:
                        yield result
        except OSError as error:
            raise Refused(f"the connection to the server broke: {error.strerror or error}") from None


def _connected(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(ANSWER_SECONDS)
    try:
        sock.connect(str(path))
    except OSError as error:
        sock.close()
        if isinstance(error, FileNotFoundError | NotADirectoryError | ConnectionRefusedError):
            raise NotRunning(f"no server is running: nobody answers at {path}") from None
        raise Refused(f"{path}: {error.strerror or error}") from None
    return sock


def _result(line: bytes) -> Any:
    if not line.endswith(b"\n"):
        raise Refused("the server ended before it answered")
    answered = json.loads(line)
    if "error" in answered:
        raise Refused(answered["error"])
    return answered["result"]


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
