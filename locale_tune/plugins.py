"""Find plugins and the one language asked for; gather what they offer.

pluggy's own loader stops at the first broken distribution and lets two of one name shadow each
other; here each is loaded alone, and a stranger's mistake is one warning that names it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pluggy

from locale_tune import hookspecs, trust
from locale_tune.errors import LocaleTuneError, PluginError, did_you_mean
from locale_tune.headline import Installed, installed_languages
from locale_tune.offers import Check, Command, Filter, Launcher, Parts, Selector, SourceKind, Stage
from locale_tune.packfile import FILE, read_pack
from locale_tune.schema import LanguagePack

PLUGINS = "locale_tune.plugins"
OFFERS: dict[str, tuple[str, type]] = {
    "source_kinds": ("locale_tune_sources", SourceKind),
    "filters": ("locale_tune_filters", Filter),
    "selectors": ("locale_tune_selectors", Selector),
    "stages": ("locale_tune_stages", Stage),
    "checks": ("locale_tune_checks", Check),
    "launchers": ("locale_tune_launchers", Launcher),
    "commands": ("locale_tune_commands", Command),
}
Warn = Callable[[str], None]


@dataclass
class Declared:
    """Answer `locale_tune_language` for a pack that is only TOML and data."""

    pack: LanguagePack

    @hookspecs.hookimpl
    def locale_tune_language(self) -> LanguagePack:
        """Return the pack as read."""
        return self.pack


def manager(warn: Warn = lambda text: print(text, file=sys.stderr)) -> pluggy.PluginManager:
    """Return a plugin manager with every plugin that loads, and no language yet."""
    pm = pluggy.PluginManager(hookspecs.PROJECT)
    pm.add_hookspecs(hookspecs)
    refused = set(os.environ.get("LOCALE_TUNE_DISABLE_PLUGINS", "").split(","))
    first: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=PLUGINS), key=lambda e: (e.name, _by(e))):
        if entry.name in refused:
            continue
        if entry.name in first and _by(entry) != _by(first[entry.name]):
            raise PluginError(
                f"two distributions offer a plugin called '{entry.name}': "
                f"{_by(first[entry.name])} and {_by(entry)}",
                "uninstall one of them",
            )
        if entry.name not in first:
            first[entry.name] = entry
            _load_plugin(pm, entry, warn)
    return pm


def _load_plugin(pm: pluggy.PluginManager, entry: EntryPoint, warn: Warn) -> None:
    try:
        register(pm, entry.load(), f"{_by(entry)} ({entry.name})")
    except Exception as error:  # whatever a stranger's module raises is that stranger's
        reason = error.problem if isinstance(error, LocaleTuneError) else repr(error)
        warn(f"warning: the plugin '{entry.name}' of {_by(entry)} is left out: {reason}")


def register(pm: pluggy.PluginManager, plugin: Any, provider: str) -> None:
    """Register one plugin object. Raise PluginError on a misspelt hook or a wrapped offer."""
    for name in dir(plugin):
        if name.startswith("locale_tune_") and _is_hook(getattr(plugin, name)):
            _check_hook(name, getattr(plugin, name), provider)
    try:
        pm.register(plugin, name=provider)
    except pluggy.PluginValidationError as error:
        raise PluginError(
            f"{provider}: {str(error).splitlines()[-1]}",
            "take the arguments the hook names, or fewer: docs/hooks.md",
        ) from error


def _is_hook(value: Any) -> bool:
    return callable(value) and hasattr(value, f"{hookspecs.PROJECT}_impl")


def _check_hook(name: str, value: Any, provider: str) -> None:
    known = [hook for hook in vars(hookspecs) if hook.startswith("locale_tune_")]
    if name not in known:
        raise PluginError(
            f"{provider} has a hook '{name}', which does not exist",
            did_you_mean(name, known) or f"the hooks are {', '.join(known)}",
        )
    options = getattr(value, f"{hookspecs.PROJECT}_impl")
    offering = {hook for hook, _ in OFFERS.values()}
    if name in offering and (options["wrapper"] or options["hookwrapper"]):
        raise PluginError(
            f"{provider} wraps '{name}', which only collects offers",
            "offer a part of the same name from the language pack instead: it replaces the other",
        )


def find_language(name: str) -> Installed:
    """Find a pack by id, or by the folder that holds its pack.toml."""
    if "/" in name or Path(name).is_dir():
        return _by_folder(Path(name))
    packs = installed_languages()
    matches = [pack for pack in packs if pack.id == name]
    if len(matches) > 1:
        raise PluginError(
            f"'{name}' is offered by {' and '.join(pack.distribution for pack in matches)}",
            "uninstall one of them",
        )
    if not matches:
        raise PluginError(
            f"no pack '{name}' is installed",
            did_you_mean(name, [p.id for p in packs])
            or f"pip install locale-tune-{name}, or give the folder of a pack: ./my-pack",
        )
    return matches[0]


def _by_folder(folder: Path) -> Installed:
    candidates = [folder, *sorted(child for child in folder.glob("*") if child.is_dir())]
    for root in candidates:
        if (root / FILE).exists():
            return Installed("", root.resolve(), f"folder {root.name}", "")
    raise PluginError(f"no {FILE} in {folder} or one level below", "docs/add-a-language.md")


def load_language(pm: pluggy.PluginManager, name: str) -> LanguagePack:
    """Read the one requested pack and register it; its code runs only if it has any."""
    found = find_language(name)
    pack = read_pack(found.root, found.distribution, found.version)
    if found.id and pack.locale.id != found.id:
        raise PluginError(
            f"{found.distribution} installs '{found.id}', its pack.toml says '{pack.locale.id}'",
            "give the entry point and [locale] id the same name",
            str(found.root / FILE),
        )
    return register_language(pm, pack)


def register_language(pm: pluggy.PluginManager, pack: LanguagePack) -> LanguagePack:
    """Register a pack that was read; import its package first when it has trusted code."""
    if not pack.code:
        pm.register(Declared(pack), name=provider_of(pack))
    else:
        trust.require(pack)
        register(pm, _import_from(pack.root), provider_of(pack))
        if not pm.hook.locale_tune_language.get_hookimpls():
            pm.register(Declared(pack), name=f"{provider_of(pack)} (pack.toml)")
    answer = pm.hook.locale_tune_language()
    if not isinstance(answer, LanguagePack):
        raise PluginError(
            f"{provider_of(pack)} returned nothing from locale_tune_language",
            "return read_pack(Path(__file__).parent), or leave the hook out",
        )
    return answer


def provider_of(pack: LanguagePack) -> str:
    """Return who offers the language's own parts."""
    return f"{pack.distribution or pack.locale.id} {pack.version}".strip()


def _import_from(root: Path) -> Any:
    """Import the package in `root` under its own name, and nothing that lies beside it."""
    known, init = sys.modules.get(root.name), root / "__init__.py"
    if known is not None:
        if Path(str(getattr(known, "__file__", ""))) == init:
            return known
        raise PluginError(
            f"the pack's folder has the name of another package, '{root.name}'",
            "rename it: locale_tune_ and the language",
            str(root),
        )
    spec = importlib.util.spec_from_file_location(
        root.name, init, submodule_search_locations=[str(root)]
    )
    if spec is None or spec.loader is None:
        raise PluginError(f"{init} cannot be imported", "a pack with code needs an __init__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[root.name] = module
    try:
        spec.loader.exec_module(module)
        return module
    except Exception as error:
        del sys.modules[root.name]
        raise PluginError(
            f"the code of the pack in {root} fails at import: {error!r}", "run it with --debug"
        ) from error


def parts(pm: pluggy.PluginManager, language: LanguagePack | None = None) -> Parts:
    """Gather all offered parts by name. A language's part replaces a plugin's of the same name."""
    own = provider_of(language) if language else ""
    gathered: dict[str, dict[str, Any]] = {}
    providers: dict[tuple[str, str], str] = {}
    for field, (hook, expected) in OFFERS.items():
        table = gathered.setdefault(field, {})
        impls = getattr(pm.hook, hook).get_hookimpls()
        for impl in sorted(impls, key=lambda i: (i.plugin_name == own, i.plugin_name)):
            for part in _offers(impl, hook, expected):
                _add(table, providers, field, part, impl.plugin_name, own)
    return Parts(providers=providers, **gathered)


def _offers(impl: Any, hook: str, expected: type) -> Iterable[Any]:
    offered = impl.function()
    if offered is None:
        raise PluginError(
            f"{impl.plugin_name} returned nothing from {hook}", f"yield a {expected.__name__}"
        )
    for part in offered:
        if not isinstance(part, expected):
            raise PluginError(
                f"{impl.plugin_name} offered {part!r} from {hook}", f"yield a {expected.__name__}"
            )
        yield part


def _add(
    table: dict[str, Any],
    providers: dict[tuple[str, str], str],
    field: str,
    part: Any,
    provider: str,
    own: str,
) -> None:
    before = providers.get((field, part.name))
    if before and (provider != own or before == own):
        raise PluginError(
            f"{before} and {provider} both offer '{part.name}' ({field})",
            "rename one, or uninstall one of them",
        )
    table[part.name] = part
    providers[field, part.name] = provider


def _by(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
