"""A model behind an OpenAI-compatible server on this machine or in its private network.

Only the address that a person names is spoken to: no proxy, no redirect, no name that a name
server could send elsewhere, and no address of the public Internet.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from locale_tune.api import StageFailed
from locale_tune_curation.teacher import Answer, Prompt, Row, Sampling

# Link-local addresses are left out: clouds hand out secrets there.
NETWORKS = [
    ipaddress.ip_network(net)
    for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7")
]
SECONDS = 600
LARGEST = 16 << 20


class Endpoint:
    """Asks `URL/chat/completions`, one by one. Answers repeat if the server keeps seeds."""

    def __init__(self, url: str, served: str, batch: int = 16) -> None:
        self.name, self.batch = served or "unnamed", batch
        self._served = served
        parts = urlsplit(url)
        self._host = local_host(url)
        self._port, self._secure = parts.port, parts.scheme == "https"
        self._path = f"{parts.path.rstrip('/')}/chat/completions"
        self._url = url

    def answer(self, rows: Sequence[Row], sampling: Sampling) -> list[Answer]:
        """Return the answer to each row. Raise StageFailed when the server gives none."""
        return [self._answer(row.prompt, row.seed, sampling) for row in rows]

    def close(self) -> None:
        """Do nothing: each question has a connection of its own."""

    def _answer(self, prompt: Prompt, seed: int, sampling: Sampling) -> Answer:
        asked = {
            "messages": [message.model_dump() for message in prompt],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "presence_penalty": sampling.presence_penalty,
            "max_tokens": sampling.tokens,
            "seed": seed,
            **({"model": self._served} if self._served else {}),
        }
        try:
            choice = json.loads(self._post(json.dumps(asked).encode()))["choices"][0]
            text, ended = choice["message"]["content"], choice.get("finish_reason") == "stop"
        except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError) as why:
            raise self._failed(f"{type(why).__name__}: {why}"[:200]) from None
        return Answer(text.strip() if isinstance(text, str) else "", ended)

    def _post(self, body: bytes) -> bytes:
        kind = HTTPSConnection if self._secure else HTTPConnection
        connection: Any = kind(self._host, self._port, timeout=SECONDS)
        try:
            connection.request("POST", self._path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status != 200:  # a redirect too: it could lead anywhere
                raise self._failed(f"status {answer.status}")
            said: bytes = answer.read(LARGEST + 1)
        finally:
            connection.close()
        if len(said) > LARGEST:
            raise self._failed(f"more than {LARGEST >> 20} MiB")
        return said

    def _failed(self, what: str) -> StageFailed:
        return StageFailed(
            f"the teacher at {self._url} gave no answer that can be read: {what}",
            "start the server, and look at the address: it ends before /chat/completions",
        )


def local_host(url: str) -> str:
    """Return the host of an address. Raise StageFailed unless it is local, and plainly so."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        ported = parts.port != 0  # reading it raises ValueError for a port that is none
        address = "127.0.0.1" if host == "localhost" else host
        local = any(ipaddress.ip_address(address) in network for network in NETWORKS)
    except ValueError:
        ported = local = False
    if (
        not (local and ported)
        or parts.scheme not in ("http", "https")
        or parts.username is not None
    ):
        raise StageFailed(
            f"the teacher {url} is not at a local address",
            "use http://localhost, or the number of an address in the private network "
            "(10..., 172.16..., 192.168..., fd...)",
        )
    return host
