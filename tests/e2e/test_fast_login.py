"""A login in one round trip over real TLS, with a token that outlives the server."""

import hashlib
import re
from pathlib import Path

from tests.e2e.process import Process
from tests.e2e.raw import HEADER, Raw, run
from tests.sasl2 import END_POINT, bind, fast, plain, request

FROM = HEADER.replace(" to=", " from='alice@localhost' to=")


def end_point(client: Raw) -> bytes:
    """The tls-server-end-point binding (RFC 5929 §4.1) of a certificate that is signed with SHA-256."""
    return hashlib.sha256(client._writer.get_extra_info("ssl_object").getpeercert(binary_form=True)).digest()


def test_a_token_logs_in_and_binds_in_one_round_trip_and_survives_a_server_that_is_killed(tmp_path: Path) -> None:
    found: list[str] = []

    async def by_password() -> None:
        client = await Raw.connect(server.ports["c2s_tls"], tls=True)
        offered = await client.asks(FROM, "</stream:features>")
        assert END_POINT in offered
        heard = await client.asks(plain("alice", request(END_POINT), bind()), "</success>")
        found.extend(re.findall(r' token="([^"]+)"', heard))
        assert "<bound" in heard

    async def by_token(count: int) -> str:
        client = await Raw.connect(server.ports["c2s_tls"], tls=True)
        (token,) = found
        said = fast(
            token,
            bind(),
            user="alice",
            mechanism=END_POINT,
            binding=end_point(client),
            attributes=f"count='{count}'",
        )
        await client.says(FROM + said)
        heard = await client.hears("</success>|</failure>")
        if "</success>" in heard:
            assert re.search("<authorization-identifier>alice@localhost/AwesomeXMPP/", heard)
            await client.pings(count)
        return heard

    async def before() -> None:
        await by_password()
        assert "<bound" in await by_token(1)

    async def after() -> None:
        assert "<not-authorized " in await by_token(1)
        assert "<bound" in await by_token(2)

    with Process(tmp_path, "alice") as server:
        run(before())
        server.kill()
    with Process(tmp_path) as server:
        run(after())
        assert found[0] not in server.log
        assert "Traceback" not in server.log
