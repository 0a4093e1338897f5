# The commands of the kit; `make help` lists them. The first one that needs it builds .venv.

PYTHON ?= python3
LAB_ARGS ?=

PY := .venv/bin/python
LESSON := notebooks/00_first_edit.ipynb
OFFLINE := HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help lab tour test speed compare model-report setup clean distclean
.DEFAULT_GOAL := help

help:
	@echo "make lab           open the lessons in JupyterLab"
	@echo "make tour          the first edit without a browser; its pictures go to out/"
	@echo "make test          everything that CI runs"
	@echo "make compare       compare the editing methods on 60 edits whose true answer is known"
	@echo "make speed         measure the speed of the library"
	@echo "make model-report  measure the embedded model against its bars"
	@echo "make setup         only build the environment in .venv"
	@echo "make clean         remove out/ and caches; make distclean removes .venv too"
	@echo
	@echo "The first command builds .venv. Another Python: make lab PYTHON=python3.13"

lab: setup
	$(PY) -m jupyterlab $(AS_ROOT) --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/$(LESSON) $(LAB_ARGS)

tour: setup
	$(PY) -m styledit.lessons.tour

model-report: setup
	$(OFFLINE) $(PY) -m measure.report

compare: setup
	$(OFFLINE) $(PY) -m measure.compare

speed: setup
	$(OFFLINE) $(PY) -m measure.speed

# All three parts run, and any of them can fail the whole. The unit tests come last: theirs is the longest summary.
# The notebooks keep the plotting backend of their kernel, whose pictures they show.
test: setup
	@failed=; \
	echo "== The embedded model, short check"; \
	$(OFFLINE) $(PY) -m measure.report --short || failed="$$failed model"; \
	echo "== The notebooks"; \
	$(OFFLINE) $(PY) -m pytest --nbval --nbval-current-env --nbval-sanitize-with=tests/nbval_sanitize.cfg notebooks || failed="$$failed notebooks"; \
	echo "== The unit tests"; \
	$(OFFLINE) MPLBACKEND=Agg $(PY) -m pytest tests || failed="$$failed tests"; \
	if [ -n "$$failed" ]; then echo "Failed:$$failed (see above)."; exit 1; fi

setup:
	@$(SHELL) -c "$$SETUP"

clean:
	rm -rf out build styledit.egg-info .pytest_cache
	find notebooks styledit data tests -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

distclean: clean
	rm -rf .venv

# Builds or repairs .venv. Where .venv/.styledit names this folder, this Python and these pins there is nothing to do.
# .venv/.unfinished holds the process that is installing; left behind, it says that the installation was interrupted.
define SETUP
say() { printf '%s\n' "$$@" >&2; }
fail() { say "" "$$@"; exit 1; }
fingerprint() { $(PY) -c 'import sys; print(sys.prefix, sys.version)' && cksum < pyproject.toml; }
again="make $(firstword $(MAKECMDGOALS))"
trap 'exit 130' INT TERM

if [ -e .venv/.unfinished ]; then
    other=$$(cat .venv/.unfinished)
    if kill -0 "$$other" 2>/dev/null; then
        fail "Another make (process $$other) is installing into .venv; wait until it is done, or run" \
             "\`make distclean\` if that is not so; then run \`$$again\`."
    fi
    say "The last installation was interrupted. Starting it again; pip remembers what it has downloaded."
    rm -rf .venv
elif [ -d .venv ] && ! $(PY) -c '' 2>/dev/null; then
    say "The Python in .venv no longer runs (was it updated, or this folder moved?). Building .venv again."
    rm -rf .venv
elif [ -d .venv ] && [ "$$(cat .venv/.styledit 2>/dev/null)" = "$$(fingerprint)" ]; then
    exit 0
fi

if [ -d .venv ]; then python=$(PY); cure="Remove it with \`make distclean\`, then"; else python="$(PYTHON)"; cure="Install one of these, or"; fi
found=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
    fail "'$$python' does not run. Install Python 3.11 to 3.14, or name the one you have: $$again PYTHON=/path/to/python3.12"
case $$found in
    3.11|3.12|3.13|3.14) ;;
    *) fail "styledit needs Python 3.11 to 3.14, but '$$python' is Python $$found. $$cure name another: $$again PYTHON=python3.12" ;;
esac

if [ ! -d .venv ]; then
    "$$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "'$$python' lacks the venv module. On Debian and Ubuntu: sudo apt install python$$found-venv; then run \`$$again\`."
    say "Creating .venv with Python $$found ..."
    mkdir .venv && echo $$$$ > .venv/.unfinished && "$$python" -m venv .venv ||
        { rm -rf .venv; fail "Python could not create .venv; the lines above say why. Then run \`$$again\`."; }
fi
pip() { $(PY) -m pip --disable-pip-version-check "$$@"; }
pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null || fail "There is no pip in .venv. Run \`make distclean\`, then \`$$again\`."

# An environment that holds everything already needs no network.
if [ ! -e .venv/.unfinished ]; then say "Checking what is in .venv ..."; fi
want='.[lab,recipe,test]'
if [ -e .venv/.unfinished ] || ! pip install --quiet --no-index --no-build-isolation --editable "$$want" >/dev/null 2>&1; then
    probe=$$(mktemp -d)
    pip --retries 1 --timeout 10 download --quiet --no-deps --dest "$$probe" tqdm 2> "$$probe/log" || {
        tail -n 3 "$$probe/log" >&2
        rm -rf "$$probe"
        if [ -e .venv/.unfinished ]; then rm -rf .venv; fi
        fail "pip cannot reach its package index. Check the network (behind a proxy set HTTPS_PROXY, for a mirror" \
             "PIP_INDEX_URL), then run \`$$again\`."
    }
    rm -rf "$$probe"
    say "Installing PyTorch, JupyterLab and the rest; this takes some minutes ..."
    # Only an environment that make built may be thrown away after an interruption.
    if [ -e .venv/.styledit ]; then echo $$$$ > .venv/.unfinished; fi
    pip install --editable "$$want" || {
        if [ ! -e .venv/.styledit ] && [ -e .venv/.unfinished ]; then rm -rf .venv; fi
        rm -f .venv/.unfinished
        fail "pip could not install everything; the lines above say why (a full disk?). Then run \`$$again\`."
    }
fi
# JupyterLab would first ask whether to show its news.
$(PY) -m jupyterlab.labextensions disable @jupyterlab/apputils-extension:announcements >/dev/null 2>&1 || true
fingerprint > .venv/.styledit
rm -f .venv/.unfinished
say "The environment in .venv is ready."
endef
export SETUP
