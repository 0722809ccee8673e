"""A real name server on loopback, over UDP, for the few records that a test gives it."""

from __future__ import annotations

import socket
import threading
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.zone


class NameServer:
    """Answers from the lines of a zone file, with names in full; `rcode` instead, or `silent`ly not at all.

    `place` is where it is asked; `asked` what it has been asked, as "NAME TYPE".
    """

    def __init__(self, *lines: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR, silent: bool = False) -> None:
        self._zone = dns.zone.from_text("\n".join(lines), origin=".", relativize=False, check_origin=False)
        self._rcode = rcode
        self._silent = silent
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self.place: tuple[str, int] = self._sock.getsockname()
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", self.place)  # nothing is asked: the end
        self._thread.join()
        self._sock.close()

    def _serve(self) -> None:
        while True:
            data, asker = self._sock.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            self.asked.append(f"{query.question[0].name} {dns.rdatatype.to_text(query.question[0].rdtype)}")
            if not self._silent:
                self._sock.sendto(self._answer(query).to_wire(), asker)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        question = query.question[0]
        if self._rcode != dns.rcode.NOERROR:
            answer.set_rcode(self._rcode)
        elif self._zone.get_node(question.name) is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif (found := self._zone.get_rrset(question.name, question.rdtype)) is not None:
            answer.answer.append(found)
        return answer
