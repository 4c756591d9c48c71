"""Parts, processes, executors and crashes change nothing about a corpus: the same bytes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
# One run of `collect` in a process of its own: python -c RUN folder settings
RUN = """
import json, sys
from pathlib import Path
from corpus_support import ROMANSH, parts, source
from locale_tune.api import Job, LanguagePack, Machine
from locale_tune_corpus import collect
from locale_tune_corpus.settings import CollectSettings

if __name__ == "__main__":
    home, out, settings = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
    collect.BYTES_A_PROCESS = 1  # as many processes as are asked for
    made = [
        source("big", "jsonl", options={"text": "text", "group": "group"}, cap=700),
        source("lines", "text"),
        source("table", "parquet", options={"text": "text"}),
        source("en", "text", "control", lang="en"),
        source("quiz", "jsonl", "questions"),
        source("old", "text", "replay", lang="en"),
    ]
    files = {s.id: home / s.id for s in made}
    (out / "out").mkdir(parents=True, exist_ok=True)
    for left in (out / "out").iterdir():
        import shutil
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    (out / "work").mkdir(exist_ok=True)
    job = Job(
        pack=LanguagePack(locale=ROMANSH, base_model="", stages=(), sources=tuple(made),
                          filters=("hygiene", "length", "repetition"), root=home),
        parts=parts(), settings=CollectSettings(**settings), inputs={}, seed=0, fingerprint="",
        out=out / "out", work=out / "work", machine=Machine(), files=files,
        progress=lambda done, total, note="": None,
    )
    facts = collect.run(job)
    (out / "facts.json").write_text(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a folder with sources: some 4,000 records, copies and near copies among them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    home = tmp_path_factory.mktemp("sources")
    pick = random.Random(0)
    syllables = [a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "ai", "un")]

    def sentence():
        words = ("".join(pick.choices(syllables, k=pick.randint(1, 4))) for _ in range(18))
        return " ".join(words).capitalize() + "."

    pool = [sentence() for _ in range(1500)]

    def text():
        words = pick.choice(pool).split()
        if pick.random() < 0.5:
            words[pick.randrange(len(words))] = "auter"
        return " ".join(words)

    rows = [{"text": text(), "group": f"g{n // 3}"} for n in range(1500)]
    rows_as_lines = [json.dumps(row) for row in rows]
    rows_as_lines[7], rows_as_lines[900] = "{broken", '{"text": 5, "group": "x"}'
    (home / "big").write_text("\n".join(rows_as_lines))
    (home / "lines").write_text("\n".join(text() for _ in range(1200)) + "\nkurz\n")
    pq.write_table(
        pa.table({"text": [text() for _ in range(800)]}), home / "table", row_group_size=100
    )
    english = [sentence() for _ in range(300)]
    (home / "en").write_text("\n".join(english))
    (home / "old").write_text("\n".join([*english[:50], *(sentence() for _ in range(200))]))
    quiz = [
        {"question": f"{text()} {n}?", "choices": ["gea", "na"], "answer": n % 2} for n in range(40)
    ]
    quiz += [{**quiz[0], "answer": 1}, quiz[1]]
    (home / "quiz").write_text("\n".join(map(json.dumps, quiz)))
    return home


def start(home, out, env=None, **settings):
    paths = [ROOT / "tests", ROOT, ROOT / "plugins"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), **(env or {})}
    script = home / "run.py"
    script.write_text(RUN)
    return subprocess.Popen(
        [sys.executable, str(script), str(home), str(out), json.dumps(settings)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def collect(home, out, env=None, **settings):
    process = start(home, out, env, **settings)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, said
    return contents(out)


def contents(out):
    files = (path for path in (out / "out").rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files} | {
        "facts": (out / "facts.json").read_bytes()
    }


@pytest.fixture(scope="module")
def plain(home):
    """Return the files of a corpus made by one process in whole parts."""
    return collect(home, home / "plain", workers=1)


def test_the_corpus_has_something_to_lose(plain):
    facts = json.loads(plain["facts"])
    assert facts["rejected"].keys() >= {
        "copy",
        "near copy",
        "over the cap",
        "unreadable",
        "holds a held-out text",
        "one question with two answers",
        "under 20 bytes",
    }
    assert facts["splits"]["text"] > 500


@pytest.mark.parametrize(("workers", "megabytes"), [(1, 0.005), (2, 0.02), (8, 0.1)])
def test_parts_and_processes_change_nothing(home, plain, tmp_path, workers, megabytes):
    elsewhere = {"TZ": "Asia/Dubai", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": str(workers)}
    made = collect(home, tmp_path / "o", elsewhere, workers=workers, part_megabytes=megabytes)
    assert made.keys() == plain.keys()
    assert [name for name in made if made[name] != plain[name]] == []


def test_datatrove_gives_the_same_corpus(home, plain, tmp_path):
    pytest.importorskip("datatrove")
    options = {"tasks": 4, "workers": 2}
    made = collect(
        home,
        tmp_path / "o",
        executor="datatrove-local",
        part_megabytes=0.02,
        executor_options=options,
    )
    assert [name for name in plain if made[name] != plain[name]] == []
    ranks = (tmp_path / "o/work/executor/completions").iterdir()
    assert len(list(ranks)) == 4


SBATCH = """#!{python}
# Runs every task of an array job at once, as a queue with room would, and prints a job's number.
import os, re, subprocess, sys
script = open(sys.argv[-1]).read()
last = int(re.search(r"#SBATCH --array=0-(\\d+)", script)[1])
if "merge_stats" not in script:
    for number in range(last + 1):
        env = {{**os.environ, "SLURM_ARRAY_TASK_ID": str(number), "SLURM_NODELIST": "here"}}
        subprocess.run(["bash", "-c", script], env=env, stdout=sys.stderr, check={check})
print("Submitted batch job 17")
"""


def queue(folder, check=True):
    """Put stand-ins for SLURM's programs into a folder; return the environment to use them in."""
    folder.mkdir()
    texts = {
        "sbatch": SBATCH.format(python=sys.executable, check=check),
        "srun": '#!/bin/bash\nshift 3\nexec "$@"\n',  # srun -l -n 1 PROGRAM ...
        "squeue": "#!/bin/bash\nexit 0\n",
        "scontrol": "#!/bin/bash\necho here\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_slurm_array_gives_the_same_corpus(home, plain, tmp_path):
    """Not SLURM itself: its programs are stand-ins that run the job script as it would."""
    pytest.importorskip("datatrove")
    options = {"tasks": 3, "time": "1:00:00", "partition": "cpu"}
    made = collect(
        home,
        tmp_path / "o",
        queue(tmp_path / "bin"),
        executor="datatrove-slurm",
        executor_options=options,
        part_megabytes=0.05,
    )
    assert [name for name in plain if made[name] != plain[name]] == []


def test_a_slurm_array_that_fails_is_a_sentence(home, tmp_path):
    pytest.importorskip("datatrove")
    env = queue(tmp_path / "bin", check=False)
    (tmp_path / "bin/srun").write_text("#!/bin/bash\nexit 1\n")
    options = {"tasks": 3, "time": "1:00:00", "partition": "cpu"}
    process = start(home, tmp_path / "o", env, executor="datatrove-slurm", executor_options=options)
    said, _ = process.communicate(timeout=200)
    assert "parts were not done, the first is 000-big" in said


@pytest.mark.chaos
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(home, plain, tmp_path, chaos_n):
    draw, killed, kept = random.Random("collect"), 0, 0
    for trial in range(chaos_n):
        out = tmp_path / str(trial)
        for _ in range(2):
            process = start(home, out, workers=2, part_megabytes=0.02)
            time.sleep(draw.uniform(0.4, 2.2))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)  # its own processes must notice
                killed += 1
            process.communicate()
        # A part that was killed while it was written stands in a ".tmp-" folder; it is no part.
        parts = [*out.glob("work/*/[!.]*/MANIFEST.json")]
        before = {part: part.stat().st_mtime_ns for part in parts}
        made = collect(home, out, workers=2, part_megabytes=0.02)
        assert [name for name in plain if made[name] != plain[name]] == []
        assert all(part.stat().st_mtime_ns == then for part, then in before.items())
        kept += len(before)
    print(f"collect: {killed} kills, {kept} finished parts kept, the same bytes each time")
