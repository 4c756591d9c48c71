"""S3: right bytes or nothing, from public https only; a local server misbehaves in every way."""

from __future__ import annotations

import gc
import hashlib
import os
import resource
import socket
import ssl
import time
from urllib.parse import quote

import pytest
from https_server import BODY, CASES, OK, Server, authority, chunked, https_server, moved

from locale_tune.download import PUBLIC, Rules, download, public, write_whole
from locale_tune.errors import DiskError, SourceMissing

SIZE = len(BODY)
SHA = hashlib.sha256(BODY).hexdigest()
SLOWEST_CASE = 4.0  # seconds; the rules below give a silent or dripping server under two


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture(scope="module")
def server(ca):
    """Serve every case, and the right bytes under /ok."""
    with https_server(ca.certificate("good")) as running:
        running.answers = {f"/{quote(name)}": answer for name, answer in CASES.items()}
        running.answers["/ok"] = lambda talk: talk.plain(BODY)
        running.answers["/chunks"] = lambda talk: talk.send(
            chunked(BODY[:9], BODY[9:]), b"0\r\n\r\n"
        )
        running.answers["/bare"] = lambda talk: talk.send(OK, b"\r\n", BODY)
        running.answers["/moved"] = lambda talk: talk.send(moved("/ok"))
        yield running


@pytest.fixture(scope="module")
def rules(ca):
    """Trust the test's authority and its one address, with little patience."""
    return Rules(
        admits=lambda address: address == "127.0.0.1",
        context=lambda: ssl.create_default_context(cafile=ca.cafile),
        stall=0.4,
        grace=0.4,
        slowest=20_000,
        seconds=1.5,
    )


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def refused(url, folder, rules, size=SIZE, sha256=SHA):
    """Download, expect a SourceMissing and an empty folder; return what it says."""
    started = time.monotonic()
    with pytest.raises(SourceMissing) as caught:
        download(url, folder / "text", size, sha256, rules)
    assert time.monotonic() - started < SLOWEST_CASE
    assert list(folder.iterdir()) == []
    return caught.value.problem


@pytest.mark.parametrize("name", ["ok", "chunks", "bare", "moved", "moved, endless"])
@pytest.mark.parametrize("size", [SIZE, None])
def test_the_right_bytes_are_kept(server, rules, tmp_path, name, size):
    download(f"{server.url}/{quote(name)}", tmp_path / "text", size, SHA, rules)
    assert [(f.name, f.read_bytes()) for f in tmp_path.iterdir()] == [("text", BODY)]


@pytest.mark.parametrize("name", sorted(set(CASES) - {"moved, endless"}))
def test_anything_else_leaves_nothing(server, rules, tmp_path, name):
    url = f"{server.url}/{quote(name)}"
    problem = refused(url, tmp_path, rules)
    assert "127.0.0.1" in problem or "is at" in problem
    assert "\n" not in problem


# These are refused by length or time even when no size is pinned, before any digest is compared.
UNSIZED = sorted(set(CASES) - {"moved, endless", "endless", "endless chunks"})


@pytest.mark.slow
@pytest.mark.parametrize("name", UNSIZED)
def test_without_a_pinned_size_too(server, rules, tmp_path, name):
    refused(f"{server.url}/{quote(name)}", tmp_path, rules, size=None)


def test_there_are_more_than_forty_cases():
    assert len(CASES) > 40


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("other bytes", "now has sha256"),
        ("short", "has 10239 bytes, not the pinned 10240"),
        ("long", "longer than the pinned 10240"),
        ("length far too large", "longer than the pinned 10240"),
        ("broken off", "broke off after 5000 of 10240"),
        ("gzip bomb", "compressed (gzip)"),
        ("dripping head", "slower than 20,000 bytes a second"),
        ("dripping body", "slower than 20,000 bytes a second"),
        ("silence", "timed out"),
        ("endless continue", "sent more than 1,069,056 bytes"),
        ("endless trailer", "sent more than 1,069,056 bytes"),
        ("404", "404 Not Found"),
        ("206", "status 206"),
        ("to file", "url 'file:///etc/hostname' is not allowed"),
        ("to a link-local address", "169.254.169.254, a private address"),
        ("to mapped IPv6", "::ffff:10.0.0.1, a private address"),
        ("to a number", "10.0.0.1, a private address"),
    ],
)
def test_the_sentence_says_why(server, rules, tmp_path, name, why):
    assert why in refused(f"{server.url}/{quote(name)}", tmp_path, rules)


def test_a_chain_of_redirects_ends(server, rules, tmp_path):
    step = iter(range(1000))
    server.answers["/chain"] = lambda talk: talk.send(moved(f"/chain?{next(step)}"))
    refused(f"{server.url}/chain", tmp_path, rules)
    assert next(step) < 20


@pytest.mark.slow
def test_bombs_and_endless_answers_take_no_memory(server, rules, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in ("endless", "gzip bomb", "endless trailer", "many headers", "endless chunk line"):
        refused(
            f"{server.url}/{quote(name)}", tmp_path, rules, size=None if "z" in name else 10_240
        )
    gc.collect()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


@pytest.mark.parametrize("kind", ["other authority", "other name", "expired"])
def test_a_certificate_that_does_not_fit(ca, rules, tmp_path, tmp_path_factory, kind):
    if kind == "other authority":
        made = authority(tmp_path_factory.mktemp("tls") / "other").certificate("stranger")
    elif kind == "other name":
        made = ca.certificate("named", names="DNS:texts.example")
    else:
        made = ca.certificate("old", days=-1)
    with https_server(made) as running:
        assert "certificate verify failed" in refused(f"{running.url}/ok", tmp_path, rules)
        assert running.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda talk: talk.plain(BODY), id="plain http"),
        pytest.param(lambda talk: None, id="closes"),
        pytest.param(lambda talk: talk.wait(), id="silent"),
        pytest.param(lambda talk: talk.drip(b"\x16\x03\x03\x40\x00" * 99), id="drips"),
        pytest.param(lambda talk: talk.send(b"\x16\x03\x03\xff\xff" * 9999), id="garbage"),
    ],
)
def test_a_server_without_tls(rules, tmp_path, answer):
    server = Server()
    server.raw = answer
    try:
        assert "cannot be reached" in refused(f"{server.url}/ok", tmp_path, rules)
    finally:
        server.close()


@pytest.mark.parametrize("scheme", ["http", "ftp", "file", "data", "HTTP", ""])
def test_another_scheme_is_not_even_opened(tmp_path, monkeypatch, scheme):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: pytest.fail("it looked for a host"))
    assert "is not https" in refused(f"{scheme}://localhost/x", tmp_path, PUBLIC)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "127.1"],
)
def test_by_default_no_private_address_is_connected_to(tmp_path, monkeypatch, host):
    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail("it connected"))
    assert "a private address" in refused(f"https://{host}/x", tmp_path, PUBLIC)


def test_a_host_with_one_private_address_among_others_is_refused(tmp_path, monkeypatch):
    found = [(socket.AF_INET, 1, 6, "", (address, 443)) for address in ("1.1.1.1", "192.168.1.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: found)
    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail("it connected"))
    assert "192.168.1.1" in refused("https://texts.example/x", tmp_path, PUBLIC)


@pytest.mark.parametrize(
    ("address", "open_to_all"),
    [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("169.254.169.254", False),
        ("224.0.1.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff0e::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:1.1.1.1", True),
        ("2002:0a00:0001::1", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::1.1.1.1", True),
    ],
)
def test_which_addresses_are_public(address, open_to_all):
    assert public(address) is open_to_all


def test_a_full_disk_is_no_missing_source(server, rules, tmp_path):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(DiskError):
            download(f"{server.url}/ok", tmp_path / "text", len(BODY), SHA, rules)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays_until_the_new_one_is_whole(tmp_path):
    (tmp_path / "text").write_bytes(b"old")
    with pytest.raises(SourceMissing, match="longer than the pinned 3"):
        write_whole(tmp_path / "text", [b"ne", b"wer"], 3, "", "it")
    assert [f.read_bytes() for f in tmp_path.iterdir()] == [b"old"]
    write_whole(tmp_path / "text", [b"ne", b"w"], 3, hashlib.sha256(b"new").hexdigest(), "it")
    assert [f.read_bytes() for f in tmp_path.iterdir()] == [b"new"]


def test_what_a_killed_process_left_is_swept(tmp_path):
    old, young = tmp_path / ".text.1.part", tmp_path / ".text.2.part"
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    write_whole(tmp_path / "text", [b"new"], 3, "", "it")
    assert sorted(f.name for f in tmp_path.iterdir()) == [".text.2.part", "text"]
