"""The command line: one module per command, imported when that command runs."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from locale_tune import __version__
from locale_tune.errors import LocaleTuneError, Stopped

if TYPE_CHECKING:
    from locale_tune.offers import Command

COMMANDS = {
    "build": "Build a localized model from a pack, or go on where a build stopped.",
    "chat": "Ask the base and the localized model the same, side by side.",
    "check": "Check a pack: every mistake as a sentence with file and line.",
    "collect": "Read the sources of a pack into a corpus; show what is kept and why not the rest.",
    "doctor": "Look at this machine: each problem with its fix.",
    "fetch": "Download the sources of a pack into the content cache.",
    "list": "List the installed language packs.",
    "mirror": "Make a folder with every text of the packs, for machines without a network.",
    "plan": "Show what a build would do, and what is missing; runs nothing.",
    "show": "Show one pack: language, sources, licences, stages.",
    "status": "Show what of a build is made, and with --why what changed.",
    "trust": "Allow the code of one pack to run, as it is now.",
}


class Commands(click.Group):
    """The host's commands and those that plugins offer; each is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({**_offered(), **COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the one command asked for; the host's own go before a plugin's of that name."""
        if cmd_name in COMMANDS:
            command: click.Command = importlib.import_module(f"locale_tune.cli.{cmd_name}_").command
            return command
        offered = _offered().get(cmd_name)
        return offered.load() if offered else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command list without importing any of them."""
        docs = {name: command.doc for name, command in _offered().items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted((docs | COMMANDS).items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Add the nearest command to the message about an unknown one."""
        from locale_tune.errors import did_you_mean

        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            known = self.list_commands(ctx)
            if args[0] not in known:
                ctx.fail(f"no command '{args[0]}'. {did_you_mean(args[0], known)}".strip())
        return super().resolve_command(ctx, args)


@cache
def _offered() -> dict[str, Command]:
    """Return what plugins offer. Nothing is run but the light modules that hold their hooks."""
    from locale_tune import plugins

    pm = plugins.manager(lambda text: click.echo(text, err=True))
    return dict(plugins.parts(pm).commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="locale-tune")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def app(debug: bool) -> None:
    """Install a language, build a model that speaks it, with the evidence beside it."""
    if debug:
        os.environ["LOCALE_TUNE_DEBUG"] = "1"


def main() -> None:
    """Run the command line. Exit 0 passed, 1 a bound or rule failed, 2 a mistake to correct."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if "--debug" in sys.argv[1:]:  # wherever it stands, it means the same
        sys.argv = [sys.argv[0], "--debug", *(a for a in sys.argv[1:] if a != "--debug")]
    try:
        app(standalone_mode=False)
    except LocaleTuneError as error:
        _fail(error)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        _fail(Stopped("stopped", "run the same command again: finished steps are kept"))
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        _fail(LocaleTuneError(problem, "this is a bug: run it with --debug and report it"), error)


def _fail(error: LocaleTuneError, cause: BaseException | None = None) -> None:
    if os.environ.get("LOCALE_TUNE_DEBUG"):
        raise cause or error
    from locale_tune.cli.screen import error_text

    click.echo(error_text(error), err=True)
    sys.exit(error.exit_code)
