#!/bin/sh
# Builds or repairs the environment in .venv; `make` calls it before every command.
#
#   PYTHON   the Python to build it with (default python3)
#   AGAIN    the command that the sentences below tell to run again
#
# It installs exactly what lock.txt says. Where .venv/.styledit names this folder, this Python and these versions there is nothing to do.
# .venv/.unfinished holds the process that is installing; left behind, it says that the installation was interrupted.

PYTHON=${PYTHON:-python3}
AGAIN=${AGAIN:-./install.sh}
venv=.venv/bin/python
want='.[lab,recipe,test]'
lock=lock.txt

cd "$(dirname "$0")" || exit 1
trap 'exit 130' INT TERM

say() {
    printf '%s\n' "$@" >&2
}

fail() {
    say "" "$@"
    exit 1
}

fingerprint() {
    $venv -c 'import sys; print(sys.prefix, sys.version)' && cat pyproject.toml "$lock" | cksum
}

pip() {
    $venv -m pip --disable-pip-version-check "$@"
}

main() {
    clear_what_cannot_be_used
    if [ -d .venv ] && [ "$(cat .venv/.styledit 2>/dev/null)" = "$(fingerprint 2>/dev/null)" ]; then
        exit 0
    fi
    check_python
    if [ ! -d .venv ]; then
        create
    fi
    pip --version >/dev/null 2>&1 || $venv -m ensurepip >/dev/null ||
        fail "There is no pip in .venv. Run \`make distclean\`, then \`$AGAIN\`."
    if [ -e .venv/.unfinished ]; then
        install
    else
        say "Checking what is in .venv ..."
        install_without_network || install
    fi
    # JupyterLab would first ask whether to show its news.
    $venv -m jupyterlab.labextensions disable @jupyterlab/apputils-extension:announcements >/dev/null 2>&1 || true
    fingerprint > .venv/.styledit
    rm -f .venv/.unfinished
    say "The environment in .venv is ready."
}

# Removes an environment whose installation was interrupted or whose Python is gone.
clear_what_cannot_be_used() {
    if [ -e .venv/.unfinished ]; then
        other=$(cat .venv/.unfinished)
        if kill -0 "$other" 2>/dev/null; then
            fail "Another make (process $other) is installing into .venv; wait until it is done, or run" \
                 "\`make distclean\` if that is not so; then run \`$AGAIN\`."
        fi
        say "The last installation was interrupted. Starting it again; pip remembers what it has downloaded."
        rm -rf .venv
    elif [ -d .venv ] && ! $venv -c '' 2>/dev/null; then
        say "The Python in .venv no longer runs (was it updated, or this folder moved?). Building .venv again."
        rm -rf .venv
    fi
}

# Ends where the Python to use does not run or is too old or too new; sets `found` to its version.
check_python() {
    if [ -d .venv ]; then
        python=$venv
        cure="Remove it with \`make distclean\`, then"
    else
        python=$PYTHON
        cure="Install one of these, or"
    fi
    found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
        fail "'$python' does not run. Install Python 3.11 to 3.14, or name the one you have: $AGAIN PYTHON=/path/to/python3.12"
    case $found in
        3.11|3.12|3.13|3.14) ;;
        *) fail "styledit needs Python 3.11 to 3.14, but '$python' is Python $found. $cure name another: $AGAIN PYTHON=python3.12" ;;
    esac
}

create() {
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "'$python' lacks the venv module. On Debian and Ubuntu: sudo apt install python$found-venv; then run \`$AGAIN\`."
    say "Creating .venv with Python $found ..."
    mkdir .venv && echo $$ > .venv/.unfinished && "$python" -m venv .venv || {
        rm -rf .venv
        fail "Python could not create .venv; the lines above say why. Then run \`$AGAIN\`."
    }
}

# Succeeds in an environment that holds everything already.
install_without_network() {
    pip install --quiet --no-index --no-build-isolation --constraint "$lock" --editable "$want" >/dev/null 2>&1
}

install() {
    check_index
    say "Installing PyTorch, JupyterLab and the rest; this takes some minutes ..."
    # Only an environment that make built may be thrown away after an interruption.
    if [ -e .venv/.styledit ]; then
        echo $$ > .venv/.unfinished
    fi
    pip install --constraint "$lock" --editable "$want" || {
        if [ ! -e .venv/.styledit ] && [ -e .venv/.unfinished ]; then
            rm -rf .venv
        fi
        rm -f .venv/.unfinished
        fail "pip could not install everything; the lines above say why (a full disk?). Then run \`$AGAIN\`."
    }
}

# Ends where pip's package index does not answer; leaves no half-built environment behind.
check_index() {
    probe=$(mktemp -d)
    pip --retries 1 --timeout 10 download --quiet --no-deps --dest "$probe" tqdm 2> "$probe/log" || {
        tail -n 3 "$probe/log" >&2
        rm -rf "$probe"
        if [ -e .venv/.unfinished ]; then
            rm -rf .venv
        fi
        fail "pip cannot reach its package index. Check the network (behind a proxy set HTTPS_PROXY, for a mirror" \
             "PIP_INDEX_URL), then run \`$AGAIN\`."
    }
    rm -rf "$probe"
}

main
