"""Commands that plugins offer: loaded when asked for, beside the host's, never in their place."""

from __future__ import annotations

import click
import pluggy
import pytest
from click.testing import CliRunner

from locale_tune import cli, hookspecs, plugins
from locale_tune.errors import PluginError
from locale_tune.hookspecs import hookimpl
from locale_tune.offers import Command

LOADED: list[str] = []


def command(name):
    """Return a loader that notes when it is called."""

    def load():
        LOADED.append(name)
        return click.Command(name, callback=lambda: click.echo(f"{name} ran"))

    return load


class Offers:
    """Offers a command of its own, and one of the host's name."""

    @hookimpl
    def locale_tune_commands(self):
        yield Command("greet", load=command("greet"), doc="Say that it ran.")
        yield Command("list", load=command("list"))


def manager(*offers):
    pm = pluggy.PluginManager(hookspecs.PROJECT)
    pm.add_hookspecs(hookspecs)
    for number, plugin in enumerate(offers):
        plugins.register(pm, plugin, f"plugin {number}")
    return pm


@pytest.fixture
def invoke(monkeypatch):
    """Return a function that runs a command line with the plugin above and no other."""
    monkeypatch.setattr(plugins, "manager", lambda *_: manager(Offers()))
    LOADED.clear()
    cli._offered.cache_clear()
    yield lambda *args: CliRunner().invoke(cli.app, list(args))
    cli._offered.cache_clear()


def test_it_runs_and_stands_in_the_help(invoke):
    assert invoke("greet").output == "greet ran\n"
    assert "Say that it ran." in invoke("--help").output


def test_help_loads_no_command(invoke):
    invoke("--help")
    assert LOADED == []


def test_the_hosts_command_stays_the_hosts(invoke):
    assert "ran" not in invoke("list", "--help").output
    assert LOADED == []


def test_an_unknown_command_suggests_it(invoke):
    assert "did you mean 'greet'" in invoke("gret").output


def test_two_plugins_of_one_name_are_an_error_that_names_both():
    with pytest.raises(PluginError, match=r"greet|list") as caught:
        plugins.parts(manager(Offers(), Offers()))
    assert "plugin 0" in str(caught.value)
    assert "plugin 1" in str(caught.value)
