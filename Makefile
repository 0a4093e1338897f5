# The commands of the kit; `make help` lists them. The first one that needs it builds .venv.

PYTHON ?= python3
LAB_ARGS ?=
METHOD ?=
DRAWN ?=
ONLY ?=
LESSONS ?=
MODEL ?=
RESULTS ?=
KIND ?=

PY := .venv/bin/python
OFFLINE := HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1

.PHONY: help lab tour lessons walk results showcase test test-all test-oldest lint speed live soak compare guided model-report setup lock clean distclean
.DEFAULT_GOAL := help

help:
	@echo "make lab           open the lessons in JupyterLab"
	@echo "make tour          the first edit without a browser; its pictures go to out/"
	@echo "make lessons       run all lessons and store them with their outputs; LESSONS='01 02' runs these;"
	@echo "                   LESSONS=08 MODEL=owner/name: lesson 08 with your model (a GPU; it may download)"
	@echo "make walk          run the lessons in a real browser; LESSONS='01 02' these (needs chromium)"
	@echo "make results       compute again what takes the lessons too long, data/results; RESULTS=name computes one"
	@echo "make test          formatting, lint, types, three lessons and the quick tests: about ten minutes"
	@echo "make test-all      that, with all lessons and all tests, as CI runs it: half an hour or more"
	@echo "make lint          only formatting, lint and types; of the JavaScript too where npm is found"
	@echo "make compare       compare nine methods on 84 stored edits whose true answer is known;"
	@echo "                   METHOD=module:function puts your own beside them, ONLY=name leaves the others out;"
	@echo "                   DRAWN=420: all methods on so many new edits, with intervals; goes on where it was stopped"
	@echo "make speed         measure the speed of the library; make live, how live the lab is; make soak, how it"
	@echo "                   stands 1,500 random acts, KIND=notebook in Notebook 7 (both need chromium)"
	@echo "make showcase      make the README's pictures and notebooks/showcase.html again"
	@echo "make guided        measure guided edits: each term removed in turn, style references, cost"
	@echo "make model-report  measure the embedded model against its bars"
	@echo "make test-oldest   the tests that touch other packages, with the oldest versions of lock-oldest.txt"
	@echo "make lock          the newest versions of all packages, lock.txt"
	@echo "make setup         only build the environment in .venv"
	@echo "make clean         remove out/ and caches; make distclean removes .venv too"
	@echo
	@echo "The first command builds .venv. Another Python: make lab PYTHON=python3.13"

lab: setup
	$(PY) -m styledit lab notebooks $(LAB_ARGS)

tour: setup
	$(PY) -m styledit tour

lessons: setup
	$(if $(MODEL),,$(OFFLINE)) $(PY) -m styledit.lessons.build $(LESSONS) $(if $(MODEL),--model "$(MODEL)")

walk: setup
	$(OFFLINE) PYTHONPATH=tests $(PY) -m measure.walk $(LESSONS)

results: setup
	$(OFFLINE) $(PY) -m measure.results $(RESULTS)

guided: setup
	$(OFFLINE) $(PY) -m measure.guided

model-report: setup
	$(OFFLINE) $(PY) -m measure.report

compare: setup
	$(OFFLINE) $(PY) -m measure.compare $(if $(DRAWN),--drawn $(DRAWN)) $(if $(METHOD),--method "$(METHOD)") $(if $(ONLY),--only "$(ONLY)")

showcase: setup
	$(OFFLINE) MPLBACKEND=Agg PYTHONPATH=tests $(PY) -m measure.showcase

live: setup
	$(OFFLINE) PYTHONPATH=tests $(PY) -m measure.live

soak: setup
	$(OFFLINE) PYTHONPATH=tests $(PY) -m measure.soak $(if $(KIND),--kind $(KIND))

speed: setup
	$(OFFLINE) $(PY) -m measure.speed

lint: setup
	@$(LINT)

# The browser's half of the widgets comes built; nobody needs node to use the kit or to test the rest.
FRONT := if command -v npm >/dev/null; then { [ -d node_modules ] || npm ci --silent; } && npm run --silent check; \
	elif [ -n "$$CI$$STYLEDIT_NEED_NODE" ]; then echo "There is no npm: install node 20 or later."; false; \
	else echo "There is no npm: the browser's half of the widgets is not checked."; fi

# All run, and any of them can fail the whole.
LINT := failed=; \
	$(PY) -m ruff format --check --quiet . || { echo "Not formatted: run $(PY) -m ruff format"; failed=1; }; \
	$(PY) -m ruff check . || failed=1; \
	$(PY) -m mypy || failed=1; \
	( $(FRONT) ) || failed=1; \
	[ -z "$$failed" ]

# The lessons that `make test` runs: the whole path with its lab, learned values, a model from a folder.
FEW := 00_first_edit 03_value_inputs 08_your_own_model
PYTEST := $(OFFLINE) OMP_NUM_THREADS=1 $(PY) -m pytest -q --no-header -n 2 --dist loadfile --no-loadscope-reorder
CELLS := --nbval-lax --nbval-current-env --nbval-sanitize-with=tests/nbval_sanitize.cfg

test: NOTEBOOKS := $(FEW:%=notebooks/%.ipynb)
test: CHOSEN := -m "not slow"
test: WHAT := The other lessons and the tests marked slow: make test-all.
test-all: NOTEBOOKS := notebooks
test-all: CHOSEN := --durations=30

# All three parts run, and any of them can fail the whole. The unit tests come last: theirs is the longest summary.
# The notebooks keep the plotting backend of their kernel, whose pictures they show.
test test-all: setup
	@failed=; \
	echo "== Formatting, lint and types"; \
	( $(LINT) ) || failed="$$failed lint"; \
	echo "== The lessons; every cell of $(NOTEBOOKS:notebooks/%.ipynb=%), two lessons at a time"; \
	$(PYTEST) $(CELLS) $(NOTEBOOKS) || failed="$$failed lessons"; \
	echo "== The unit tests, in two processes; a dot is a test"; \
	MPLBACKEND=Agg $(PYTEST) tests $(CHOSEN) || failed="$$failed tests"; \
	if [ -n "$$failed" ]; then echo "Failed:$$failed (see above)."; exit 1; fi; \
	echo "All passed. $(WHAT)"

# The oldest versions that the ranges allow, beside the environment of the other commands.
OLDEST := tests/test_pipeline.py tests/test_golden.py tests/test_ddim.py tests/test_inversion.py tests/test_attention.py \
	tests/test_replay.py tests/test_editing.py tests/test_topologies.py tests/test_edit_lab.py tests/test_packaging.py \
	tests/test_following.py tests/test_injection.py tests/test_perception.py
test-oldest: setup
	@[ -d .venv-oldest ] || $(PY) -m venv .venv-oldest
	@.venv-oldest/bin/python -m pip --disable-pip-version-check install --quiet --constraint lock-oldest.txt --editable '.[lab,recipe,test]'
	$(OFFLINE) OMP_NUM_THREADS=1 MPLBACKEND=Agg .venv-oldest/bin/python -m pytest -q --no-header -n 2 --dist loadfile -m "not slow" $(OLDEST)

lock: setup
	$(PY) -m measure.lock

setup:
	@PYTHON="$(PYTHON)" AGAIN="make $(firstword $(MAKECMDGOALS))" ./install.sh

clean:
	rm -rf out build styledit.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find notebooks styledit data tests -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

distclean: clean
	rm -rf .venv .venv-oldest node_modules
