"""A server that lies as it is told to: raw bytes, on loopback, in threads that end."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATIENCE = 20
"""Seconds after which a connection is given up, whoever waits."""


class Heard(NamedTuple):
    """A request."""

    target: str
    headers: Mapping[str, str]
    """By name in lower case."""


Lie = Callable[[Heard], Iterable[bytes | float]]
"""What is sent, and for how many seconds nothing is; then the connection is closed."""


def says(body: bytes = b"", status: str = "200 OK", **headers: str) -> Lie:
    """Return an honest answer; `content_type="text/csv"` is a header, "" takes one out."""
    given = {"content_type": "text/csv", "content_length": str(len(body)), **headers}
    return sends(head(status, **given) + body)


def head(status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


def sends(*parts: bytes | float) -> Lie:
    return lambda _: parts


class Liar:
    """`lies[target]`: what it answers, one after the other, the last one for ever."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.lies: dict[str, list[Lie]] = {}
        self.heard: list[Heard] = []
        self.sent = 0
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE)
        self._open: list[threading.Thread] = []
        self._done = threading.Event()
        self.port: int = self._socket.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in [self._thread, *self._open]:
            thread.join(PATIENCE)
        self._socket.close()

    def url(self, target: str, *lies: Lie) -> str:
        """Return a URL that is answered with `lies`."""
        self.lies[target] = list(lies)
        return f"http{'s' if self._context else ''}://{self.host}{target}"

    def _accept(self) -> None:
        while not self._done.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                return
            connection.settimeout(PATIENCE)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._open.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        with plain:
            try:
                if self._context is None:
                    self._answer(plain)
                    return
                with self._context.wrap_socket(plain, server_side=True) as secured:
                    self._answer(secured)
                    secured.unwrap().close()
            except (OSError, ValueError):
                return  # the other side has gone, as it should

    def _answer(self, connection: socket.socket) -> None:
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            if not (data := connection.recv(65536)):
                return
            asked += data
        first, *lines = asked.decode("latin-1").split("\r\n")
        pairs = (line.partition(": ")[::2] for line in lines if line)
        heard = Heard(first.split(" ")[1], {name.lower(): value for name, value in pairs})
        self.heard.append(heard)
        lies = self.lies.get(heard.target) or [says(status="404 Not Found")]
        for part in (lies.pop(0) if len(lies) > 1 else lies[0])(heard):
            if self._done.is_set():
                return
            if isinstance(part, float):
                self._done.wait(part)
            else:
                connection.sendall(part)
                self.sent += len(part)


def certificate(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """Return a self-signed certificate of hosts, as a PEM file and for a server."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example Liar")])
    now = datetime.fromtimestamp(time.time(), UTC)
    subjects = [
        x509.IPAddress(ip_address(one)) if one[:1].isdecimal() else x509.DNSName(one)
        for one in names
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, whole = folder / "authority.pem", folder / "liar.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    whole.write_bytes(
        trusted.read_bytes()
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(whole)
    return trusted, context
