"""HTTP and gRPC under TLS: one certificate for both, and callers that check it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from anyio.from_thread import start_blocking_portal
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import engram
from engram.adapters.local.clock import SystemClock
from engram.edges.grpc.server import GrpcServer
from engram.edges.http.server import HttpServer
from engram.model.errors import InvalidRequest, ServerUnreachable
from engram.service.wire.tls import Tls, read_tls
from engram.settings import load_settings
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """One loop: what differs between the two lies below TLS."""
    return "asyncio"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate of this machine that nobody else vouches for."""
    place = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "engram test")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    found = Tls(place / "certificate.pem", place / "key.pem")
    found.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return found


@asynccontextmanager
async def _running(tls: Tls) -> AsyncIterator[tuple[str, str]]:
    async with simulated_store() as db:
        place = "127.0.0.1", 0, SystemClock()
        grpc = GrpcServer(db, "1", "test", *place, tls=tls)
        await grpc.bind()
        http = HttpServer(db, "1", "test", *place, beside=grpc, tls=tls)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.run)
            yield http.url, grpc.url
            http.stop()


@contextmanager
def _served(tls: Tls) -> Iterator[tuple[str, str]]:
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(_running(tls)) as urls,
    ):
        yield urls


async def test_both_fronts_are_encrypted_and_known_by_their_certificate(tls: Tls) -> None:
    """Who trusts it is answered; who does not sends nothing."""
    with _served(tls) as (http, grpc):
        assert (http[:8], grpc[:8]) == ("https://", "grpcs://")
        for url in (http, grpc):
            async with engram.connect(url, authorities=tls.certificate) as db:
                done = await (await db.space()).remember(f"over {url[:5]}")
                assert (await (await db.space()).get(done.id)).content == f"over {url[:5]}"
            async with engram.connect(url, timeout=10) as stranger:
                with pytest.raises(ServerUnreachable, match="authorities='certificate"):
                    await stranger.spaces()
            plain = url.replace("s://", "://")
            async with engram.connect(plain, timeout=10) as unencrypted:
                with pytest.raises(ServerUnreachable):
                    await unencrypted.spaces()


def test_files_that_no_server_can_use_are_refused(tls: Tls, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    for certificate, key in (
        (tls.certificate, tmp_path / "missing.pem"),
        (tmp_path / "none.pem", tls.key),
        (tls.key, tls.certificate),
    ):
        with pytest.raises(InvalidRequest, match="TLS cannot be served"):
            read_tls(certificate, key)
    assert read_tls(*tls) == tls


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="belong together"):
        assert load_settings({"ENGRAM_TLS_KEY": "key.pem"}).tls_files
    assert load_settings({}).tls_files is None


async def test_authorities_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "words.pem").write_text("no certificate")
    for scheme in ("https", "grpcs"):
        for file in ("none.pem", "words.pem"):
            with pytest.raises(InvalidRequest, match=rf"authorities .*{file} are no certificates"):
                async with engram.connect(f"{scheme}://x", authorities=tmp_path / file):
                    pass


async def test_an_address_of_another_door_is_told_apart_from_no_server() -> None:
    """The port of the one and the scheme of the other is what people mix up."""
    async with simulated_store() as db:
        place = "127.0.0.1", 0, SystemClock()
        grpc = GrpcServer(db, "1", "test", *place)
        await grpc.bind()
        http = HttpServer(db, "1", "test", *place, beside=grpc)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.run)
            plain, other = http.url.partition("://")[2], grpc.url.partition("://")[2]
            for url, remedy in (
                (f"grpc://{plain}", "say http in place of grpc"),
                (f"http://{other}", "say grpc in place of http"),
                (f"https://{plain}", "say http or grpc in place of https"),
                (f"grpcs://{other}", "say http or grpc in place of https"),
            ):
                async with engram.connect(url, timeout=10) as misled:
                    with pytest.raises(ServerUnreachable, match=remedy):
                        await misled.spaces()
            http.stop()
    with pytest.raises(InvalidRequest, match="ends with /api/v1, which is added"):
        async with engram.connect(f"http://{plain}/api/v1/"):
            pass


async def test_a_started_server_takes_both_and_commands_know_it(tls: Tls, tmp_path: Path) -> None:
    """It says where, goes on until it is stopped, and does not start on a port that is taken."""
    variables = {
        "ENGRAM_EMBEDDER": "none",
        "ENGRAM_GRPC": "on",
        "ENGRAM_GRPC_PORT": "0",
        "ENGRAM_TLS_CERTIFICATE": str(tls.certificate),
        "ENGRAM_TLS_KEY": str(tls.key),
    }
    place = ("--data", str(tmp_path / "store"), "--json")
    command = (sys.executable, "-m", "engram")

    def ran(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own program
            [*command, *words],
            env={**os.environ, **variables, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    process = subprocess.Popen(  # noqa: S603, ASYNC220 - as above
        [*command, "start", "--port", "0", *place],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            said = json.loads(await anyio.to_thread.run_sync(process.stdout.readline))
            async with engram.connect(said["grpc"], authorities=tls.certificate) as db:
                done = await (await db.space()).remember("over gRPC")
            got = await anyio.to_thread.run_sync(ran, "get", done.id, *place)
            assert json.loads(got.stdout)["content"] == "over gRPC"
            stood = json.loads((await anyio.to_thread.run_sync(ran, "status", *place)).stdout)
            assert stood["server"]["grpc"] == said["grpc"]
            assert [each["memories"] for each in stood["spaces"]] == [1]
            taken = said["grpc"].rpartition(":")[2]
            other = ("start", "--port", "0", "--data", str(tmp_path / "other"))
            refused = await anyio.to_thread.run_sync(partial(ran, *other, ENGRAM_GRPC_PORT=taken))
            assert (refused.returncode, "ENGRAM_GRPC_PORT" in refused.stderr) == (1, True)
            process.terminate()
            assert await anyio.to_thread.run_sync(process.wait, 20) == 0
        finally:
            process.kill()
