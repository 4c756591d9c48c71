"""`locale-tune chat [RUN]`."""

from __future__ import annotations

from pathlib import Path

import click

from locale_tune.finished import open_run


@click.command("chat")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--ask", multiple=True, help="Ask this and end; may be given more than once.")
@click.option("--max-new-tokens", default=80, show_default=True)
def command(run: Path, ask: tuple[str, ...], max_new_tokens: int) -> None:
    """Ask the base and the localized model of RUN the same, side by side.

    RUN is a run directory such as runs/rm, or just the id of a pack built there. `quit` ends.
    """
    base, localized = models(run)
    from locale_tune.chatting import Talker

    talkers = [Talker("base", base), Talker("localized", localized)]
    for question in ask or iter(lambda: click.prompt("you", prompt_suffix="> "), "quit"):
        click.echo(f"you:       \u2068{question}\u2069")
        for talker in talkers:
            answer = talker.answer(question, max_new_tokens)
            click.echo(f"{talker.name + ':':10} \u2068{answer}\u2069")


def models(run: Path) -> tuple[Path, Path]:
    """Return the folders of the base and the released model. Raise PlanError if there are none."""
    finished = open_run(run)
    return finished.base().path, finished.newest("release").path / "model"
