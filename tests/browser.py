"""A real notebook in a real browser: JupyterLab or Notebook 7 from this environment, driven by playwright.

A test takes the fixture `open_notebook` (or `open_notebook7`), a function:

    def test_player(open_notebook):
        page = open_notebook("import styledit", "w = Widget(); w")  # the cells' sources
        page.run()                                  # all cells; AssertionError where one raised
        page.by_id("play").click()                  # a playwright locator, by data-testid
        page.until("w.step == 3")                   # a Python expression in the kernel becomes true
        assert page.python("w.step") == 3           # its value, through JSON; also while a cell runs
        page.theme("dark"); page.screenshot("player.png", ".styledit-player")
        assert not page.errors

The browser is `STYLEDIT_BROWSER`, or a chromium or google-chrome that is on the path. Where there is none,
tests are skipped with that reason; where `STYLEDIT_NEED_BROWSER` or `CI` is 1 they fail.

The server has its own empty home, no token, and listens on 127.0.0.1. One server of each kind serves a whole
run of pytest; the browser is closed after each file (playwright keeps an event loop in its thread).
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SECONDS = 60.0  # how long to wait for anything
CELLS = 240.0  # and for the end of cells
THEMES = {
    "light": "JupyterLab Light",
    "dark": "JupyterLab Dark",
    "high contrast": "JupyterLab Dark High Contrast",
}


def find_browser() -> str | None:
    """The path of the browser, None where there is none."""
    named = os.environ.get("STYLEDIT_BROWSER")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)


def need_browser() -> str:
    """The path of the browser; skips the test where there is none, or fails it where there has to be one."""
    found = find_browser()
    if found is None:
        reason = "no browser was found; install chromium, or name one in STYLEDIT_BROWSER"
        if "1" in (os.environ.get("STYLEDIT_NEED_BROWSER"), os.environ.get("CI")):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Jupyter:
    """A running server: `url`, `folder` (its notebooks), `kind` ("lab" or "notebook")."""

    def __init__(self, kind: str, folder: Path, url: str) -> None:
        self.kind = kind
        self.folder = folder
        self.url = url
        self._written = 0

    def write(self, *cells: str, name: str = "") -> str:
        """Write a notebook of code cells; its file name."""
        self._written += 1
        name = name or f"notebook{self._written}.ipynb"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(notebook, self.folder / name)
        return name

    def read(self, name: str) -> Any:
        """A notebook as it was saved."""
        return nbformat.read(self.folder / name, as_version=4)

    def address(self, name: str) -> str:
        """Where the browser finds a notebook."""
        return f"{self.url}/lab/tree/{name}?reset" if self.kind == "lab" else f"{self.url}/notebooks/{name}"


@contextmanager
def jupyter(
    kind: str, folder: Path, *, subshells: bool = True, environment: dict[str, str] | None = None
) -> Iterator[Jupyter]:
    """A server in an empty folder, until the block ends; its kernels end with it.

    Args:
        kind: "lab" or "notebook".
        subshells: False switches JupyterLab's `commsOverSubshells` off: then a widget's messages wait for the
            running cell.
        environment: more variables for the server and its kernels.
    """
    home = folder / "home"
    notebooks = folder / "notebooks"
    settings = home / "settings"
    pages = home / "config" / "labconfig"
    for place in (notebooks, settings, pages):
        place.mkdir(parents=True)
    # JupyterLab would first ask whether to show its news.
    news = {"@jupyterlab/apputils-extension:announcements": True}
    (pages / "page_config.json").write_text(json.dumps({"disabledExtensions": news}))
    if not subshells:
        place = settings / "@jupyterlab" / "apputils-extension" / "kernels-settings.jupyterlab-settings"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps({"commsOverSubshells": "disabled"}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", {"lab": "jupyterlab", "notebook": "notebook"}[kind],
        "--no-browser", "--allow-root", "--expose-app-in-browser", f"--ServerApp.root_dir={notebooks}",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
        "--IdentityProvider.token=", "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True",
    ]  # fmt: skip
    own = {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }
    inherited = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    log = folder / "server.log"
    with log.open("wb") as written:
        server = subprocess.Popen(
            command,
            cwd=notebooks,
            env=inherited | own | (environment or {}),
            stdout=written,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        _wait_for_server(server, f"http://127.0.0.1:{port}/api/status", log)
        yield Jupyter(kind, notebooks, f"http://127.0.0.1:{port}")
    finally:
        server.terminate()  # it ends its kernels
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for_server(server: subprocess.Popen, address: str, log: Path) -> None:
    last = time.monotonic() + SECONDS
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < last and server.poll() is None:
        try:
            with direct.open(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"Jupyter did not start:\n{log.read_text(errors='replace')[-3000:]}")


class NotebookPage:
    """A notebook in a tab of the browser.

    `page`: playwright's page, `errors`: what the console and the page's scripts complained of, `server`,
    `name`: the notebook's file.
    """

    def __init__(self, context: Any, server: Jupyter, name: str) -> None:
        self.context = context
        self.server = server
        self.name = name
        self.errors: list[str] = []
        self._started = slice(None)  # the cells that were started last
        self.page: Any = None
        self._open()

    # -- the page

    def _open(self) -> None:
        self.page = self.context.new_page()
        self.page.set_default_timeout(1000 * SECONDS)
        self.page.on("console", self._console)
        self.page.on("pageerror", self._failed)
        self.page.on("dialog", lambda dialog: dialog.accept())  # "leave this page?"
        self.page.goto(self.server.address(self.name))
        self._ready()

    def _console(self, message: Any) -> None:
        # Pages of Jupyter itself ask for files that are not there.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def _failed(self, error: Any) -> None:
        # Notebook 7.6 complains of its own settings, on a page without any widget, too.
        if "(reading 'schema')" not in str(error):
            self.errors.append(str(error))

    def _ready(self) -> None:
        self.page.wait_for_function(
            "window.jupyterapp?.shell?.currentWidget?.context?.isReady"
            " && window.jupyterapp.shell.currentWidget.sessionContext?.session?.kernel?.status === 'idle'"
        )

    def reload(self) -> None:
        """Reload the page, as F5 does, and wait for the kernel. What was not saved is lost: see `save`."""
        self.page.reload()
        self._ready()

    def reopen(self) -> None:
        """Close the tab and open the notebook in a new one."""
        self.page.close()
        self._open()

    def close(self) -> None:
        """End the kernel and close the tab."""
        if not self.page.is_closed():
            self.page.evaluate(
                "async () => { await window.jupyterapp?.shell?.currentWidget?.sessionContext?.shutdown(); }"
            )
            self.page.close()

    def theme(self, name: str) -> None:
        """Switch to the "light", the "dark" or the dark "high contrast" theme."""
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", THEMES[name]
        )
        self.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=THEMES[name])
        self.page.wait_for_timeout(300)

    def by_id(self, name: str) -> Any:
        """The element with this `data-testid`, as a playwright locator."""
        return self.page.locator(f'[data-testid="{name}"]')

    def screenshot(self, path: str | os.PathLike | None = None, selector: str = "body") -> bytes:
        """A PNG of the first element that the CSS selector finds."""
        return self.page.locator(selector).first.screenshot(path=path, animations="disabled")

    def scroll_to(self, cell: int) -> None:
        """Bring a cell to the middle of the page."""
        self.page.evaluate(
            "i => window.jupyterapp.shell.currentWidget.content.scrollToItem(i, 'center')", cell
        )

    # -- the notebook

    def run(self, *, wait: bool = True, fails: bool = False, seconds: float = CELLS) -> None:
        """Run all cells.

        Args:
            wait: until the last one has ended; False returns at once.
            fails: whether a cell may raise; otherwise its error is an AssertionError here.
            seconds: how long to wait.
        """
        self._started = slice(None)
        self._execute("notebook:run-all-cells")
        if wait:
            self.wait(fails=fails, seconds=seconds)

    def run_cell(self, cell: int, *, wait: bool = True, fails: bool = False, seconds: float = CELLS) -> None:
        """Run one cell, counted from 0; the rest as in `run`."""
        self.page.evaluate(
            "i => { const {content} = window.jupyterapp.shell.currentWidget;"
            " content.deselectAll(); content.activeCellIndex = i; }",
            cell,
        )
        self._started = slice(cell, cell + 1)
        self._execute("notebook:run-cell")
        if wait:
            self.wait(fails=fails, seconds=seconds)

    def _execute(self, command: str) -> None:
        self.page.evaluate(
            "command => { window.styleditRan = false;"
            " window.jupyterapp.commands.execute(command).finally(() => { window.styleditRan = true; }); }",
            command,
        )

    def running(self) -> bool:
        """Whether cells that this page started still run.

        The kernel's own status says "idle" whenever a widget's message was handled beside a running cell.
        """
        return self.page.evaluate("window.styleditRan === false")

    def wait(self, *, fails: bool = False, seconds: float = CELLS) -> None:
        """Wait for the cells that were started; the rest as in `run`."""
        self.page.wait_for_function("window.styleditRan !== false", timeout=1000 * seconds)
        if not fails:
            for outputs in self.outputs()[self._started]:
                for output in outputs:
                    traceback = "\n".join(output.get("traceback", ()))
                    assert output["output_type"] != "error", f"A cell raised:\n{traceback}"

    def outputs(self) -> list[list[dict[str, Any]]]:
        """The outputs of each code cell, as they are in the notebook's file."""
        return self.page.evaluate(
            "window.jupyterapp.shell.currentWidget.content.widgets"
            ".filter(cell => cell.model.type === 'code').map(cell => cell.model.outputs.toJSON())"
        )

    def save(self) -> Any:
        """Save the notebook; what is in its file."""
        self.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        self.page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
        return self.server.read(self.name)

    # -- the kernel

    def python(self, expression: str, before: str = "") -> Any:
        """The value of a Python expression in the kernel, through JSON.

        It is asked in a thread of its own (a subshell), so that it is answered while a cell runs.

        Args:
            before: statements to execute first.

        Raises:
            AssertionError: it raised; the message has the kernel's.
        """
        answer = self.page.evaluate(_ASK, [before, f"__import__('json').dumps({expression})"])
        assert "text" in answer, f"{before}\n{expression}: {answer['error']}"
        return json.loads(_literal(answer["text"]))

    def until(self, expression: str, seconds: float = SECONDS) -> None:
        """Wait until a Python expression in the kernel is true."""
        last = time.monotonic() + seconds
        while not self.python(f"bool({expression})"):
            assert time.monotonic() < last, f"After {seconds} s this is not true: {expression}"
            self.page.wait_for_timeout(30)

    def threads(self) -> list[str]:
        """The names of the kernel's threads."""
        return self.python("[thread.name for thread in __import__('threading').enumerate()]")

    def interrupt(self) -> None:
        """What the notebook's own stop button does."""
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:interrupt-kernel')")

    def kill_kernel(self) -> None:
        """End the kernel; the page stays."""
        self.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")


# Execute in a subshell of the kernel; ipykernel makes one on request, which is kept by the page.
_ASK = """async ([before, expression]) => {
  const {kernel} = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const send = (msg_type, channel, content, subshell_id) => ({
    channel, content, metadata: {}, parent_header: {}, buffers: [],
    header: {
      msg_id: crypto.randomUUID(), msg_type, session: kernel.clientId, username: '', version: '5.3',
      date: new Date().toISOString(), ...(subshell_id ? {subshell_id} : {}),
    },
  });
  const asked = window.styleditSubshell;
  if (asked?.kernel !== kernel.id) {
    const made = kernel.supportsSubshells ? (await kernel.requestCreateSubshell({}).done).content : {};
    window.styleditSubshell = {kernel: kernel.id, subshell: made.subshell_id};
  }
  const content = {
    code: before, silent: true, store_history: false, allow_stdin: false, stop_on_error: false,
    user_expressions: {value: expression},
  };
  const future = kernel.sendShellMessage(
    send('execute_request', 'shell', content, window.styleditSubshell.subshell), true, true);
  const reply = (await future.done).content;
  const value = reply.user_expressions?.value;
  if (reply.status === 'ok' && value?.status === 'ok') return {text: value.data['text/plain']};
  const failed = value ?? reply;
  return {error: `${failed.ename}: ${failed.evalue}`};
}"""


def _literal(text: str) -> str:
    """A string from its `repr`."""
    return ast.literal_eval(text)


@contextmanager
def open_browser() -> Iterator[Any]:
    """Playwright's browser; skips or fails where there is none, see `need_browser`."""
    path = need_browser()
    from playwright.sync_api import sync_playwright

    flags = [*FLAGS, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=flags)
        try:
            yield browser
        finally:
            browser.close()


# -- fixtures, which conftest.py makes known


@pytest.fixture(scope="session")
def jupyter_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """JupyterLab 4."""
    need_browser()
    with jupyter("lab", tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="session")
def jupyter_lab_without_subshells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """JupyterLab 4 with `commsOverSubshells` switched off."""
    need_browser()
    with jupyter("lab", tmp_path_factory.mktemp("lab"), subshells=False) as server:
        yield server


@pytest.fixture(scope="session")
def jupyter_notebook7(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """Notebook 7."""
    need_browser()
    with jupyter("notebook", tmp_path_factory.mktemp("notebook")) as server:
        yield server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser."""
    with open_browser() as browser:
        yield browser


@contextmanager
def opener(browser: Any, server: Jupyter) -> Iterator[Callable[..., NotebookPage]]:
    """What `open_notebook` gives, for a fixture of its own, such as one page for a whole file:

    @pytest.fixture(scope="module")
    def page(chromium, jupyter_lab):
        with opener(chromium, jupyter_lab) as open_notebook:
            yield open_notebook("import styledit")
    """
    pages: list[NotebookPage] = []

    def open_(*cells: str, width: int = 1280, height: int = 900, **options: Any) -> NotebookPage:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        pages.append(NotebookPage(context, server, server.write(*cells)))
        return pages[-1]

    try:
        yield open_
    finally:
        for page in pages:
            page.close()
            page.context.close()


@pytest.fixture
def open_notebook(chromium: Any, jupyter_lab: Jupyter) -> Iterator[Callable[..., NotebookPage]]:
    """A function that opens a notebook in JupyterLab: `open_notebook(*cells, width=1280, height=900)`, and
    more options of playwright's `new_context`.
    """
    with opener(chromium, jupyter_lab) as open_:
        yield open_


@pytest.fixture
def open_notebook_without_subshells(
    chromium: Any, jupyter_lab_without_subshells: Jupyter
) -> Iterator[Callable[..., NotebookPage]]:
    """The same where `commsOverSubshells` is switched off."""
    with opener(chromium, jupyter_lab_without_subshells) as open_:
        yield open_


@pytest.fixture
def open_notebook7(chromium: Any, jupyter_notebook7: Jupyter) -> Iterator[Callable[..., NotebookPage]]:
    """The same in Notebook 7."""
    with opener(chromium, jupyter_notebook7) as open_:
        yield open_
