"""Send the numbers of a run to trackers (TensorBoard, Weights & Biases, ...) that a person names.

The tracker classes are accelerate's. Nothing is imported or sent unless `report_to` names one, and
a tracker that fails in the middle of a run is told once and left alone: training goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from locale_tune.api import Job, StageFailed
from locale_tune_training.parallel import World


class Reports:
    """The trackers of one run; only the first process has any."""

    def __init__(
        self, job: Job, settings: Any, world: World, tell: Callable[[str], object] = print
    ) -> None:
        """Start them. Raises StageFailed for one not known, not installed or not able to start."""
        self.tell = tell
        names = settings.report_to if world.main else ()
        self._trackers = {name: _start(name, job, settings) for name in names}

    def send(self, step: int, numbers: Mapping[str, Any]) -> None:
        """Report the numbers of one update."""
        self._each(lambda tracker: tracker.log(dict(numbers), step=step))

    def end(self) -> None:
        """Let them write what they still hold."""
        self._each(lambda tracker: tracker.finish())

    def _each(self, do: Callable[[Any], object]) -> None:
        for name, tracker in list(self._trackers.items()):
            try:
                do(tracker)
            except Exception as error:  # whatever a stranger's service raises
                del self._trackers[name]
                self.tell(f"{name} gets no more numbers: {type(error).__name__}: {error}")


def _start(name: str, job: Job, settings: Any) -> Any:
    from accelerate import tracking

    known = tracking.LOGGER_TYPE_TO_CLASS
    if name not in known:
        raise StageFailed(f"report_to: no tracker '{name}'", f"there are {', '.join(known)}")
    if name not in [str(found) for found in tracking.get_available_trackers()]:
        raise StageFailed(f"report_to: {name} is not installed", f"pip install {name}")
    folder = job.work.parents[1] / "logs" / "trackers"
    needs_folder = known[name].requires_logging_directory
    said = settings.model_dump(mode="json")
    plain = {k: v if isinstance(v, int | float | str | bool) else str(v) for k, v in said.items()}
    try:
        tracker = known[name](job.work.name, *([folder] if needs_folder else []))
        if hasattr(tracker, "start"):
            tracker.start()
        tracker.store_init_configuration(plain)
    except Exception as error:  # no account, no server, no disk: better told now than at the end
        raise StageFailed(
            f"report_to: {name} does not start: {type(error).__name__}: {error}",
            f"set {name} up, or leave it out of report_to",
        ) from error
    return tracker
