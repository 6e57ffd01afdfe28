"""Servers on loopback, which end with the tests."""

from __future__ import annotations

import datetime as dt
import os
import ssl
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import aiohttp.connector
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from climeri_platform.access.engines import remote


class Ranges(SimpleHTTPRequestHandler):
    """Files of a folder, whole or in parts; a user, a token, and failures on demand."""

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, body):
        server = self.server
        server.asked.append((self.command, self.path, self.headers.get("Range")))
        path, _, query = self.path.partition("?")
        file = Path(self.directory, path.lstrip("/"))
        if server.failures:
            return self.send_error(server.failures.pop())
        if server.token and query != server.token:
            return self.send_error(403)
        if not file.is_file():
            return self.send_error(404)
        data, about = file.read_bytes(), file.stat()
        wanted = self.headers.get("Range") if server.ranges else None
        if wanted:
            begin, _, end = wanted.removeprefix("bytes=").partition("-")
            size = len(data)
            data = data[int(begin) : int(end) + 1 if end else None]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{int(begin) + len(data) - 1}/{size}")
        else:
            self.send_response(200)
        self.send_header("ETag", f'"{about.st_mtime_ns:x}-{about.st_size:x}"')
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body and server.cuts:
            server.cuts -= 1
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        elif body:
            self.wfile.write(data)
        return None


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1, with its key."""
    from ipaddress import ip_address

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "loopback.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def https(tmp_path, certificate, monkeypatch):
    """A server of the files in a folder, over TLS; it has `folder`, `address` and `asked`."""
    from fsspec.implementations.http import HTTPFileSystem

    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranges, directory=str(folder)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.folder, server.address = folder, f"https://127.0.0.1:{server.server_port}"
    server.asked, server.failures, server.cuts, server.token, server.ranges = [], [], 0, "", True
    monkeypatch.setattr(remote, "_PAUSE", 0.01)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    # as for a centre whose certificate the machine does not know; aiohttp reads them once, when imported
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    yield server
    for each in list(HTTPFileSystem._cache.values()):
        if each._session is not None:
            HTTPFileSystem.close_session(each.loop, each._session)
    HTTPFileSystem.clear_instance_cache()
    server.shutdown()
    thread.join()
    server.server_close()


S3 = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="session")
def _bucket_server():
    """An S3 server in a process of its own, which ends when its input does."""
    with subprocess.Popen(
        [sys.executable, "-c", S3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()
        process.wait(60)


@pytest.fixture
def bucket(_bucket_server, monkeypatch):
    """A file system with an empty bucket, `climate`; its secret is `hunter2`."""
    import s3fs
    from fsspec.asyn import sync as fsspec_sync
    from zarr.core.sync import sync as zarr_sync

    monkeypatch.setenv("AWS_ENDPOINT_URL", _bucket_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    system.mkdir("climate")
    yield system
    system.rm("climate", recursive=True)
    for each in list(s3fs.S3FileSystem._cache.values()):
        if each._s3 is not None:  # zarr's are in a loop of their own
            close = each._s3.__aexit__(None, None, None)
            zarr_sync(close) if each.asynchronous else fsspec_sync(each.loop, lambda it=close: it)
    s3fs.S3FileSystem.clear_instance_cache()
