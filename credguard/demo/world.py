"""The throw-away world of the demo: a home of its own, a local AWS, and a way to run commands."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from credguard.errors import CredguardError
from credguard.secret import Secret

REGION = "us-east-1"
_COMMAND_S = 120.0
_INSTALL_S = 600.0
_READY_S = 60.0


class DemoFailed(CredguardError):
    """Something did not happen as the demo claims."""

    hint = "run it again with --keep and look at the folder it names"


@dataclass(frozen=True, slots=True)
class Result:
    """What one command printed, and its exit code."""

    code: int
    out: str
    err: str


class World:
    """A home that holds everything; `close()` ends its processes and removes it.

    A demo that is killed outright cannot: then the janitor, a process of its own, does.
    """

    def __init__(self) -> None:
        """Make the home. Raises DemoFailed."""
        try:
            self.top = tempfile.mkdtemp(prefix="credguard-demo-")
        except OSError as exc:
            raise DemoFailed(
                f"cannot make a folder in {tempfile.gettempdir()}: {exc.strerror}",
                hint="make room there, or name another folder: TMPDIR=/path credguard demo",
            ) from exc
        self.tell: Callable[[str], None] = lambda _: None
        self._janitor = self._start_janitor()
        self.home = os.path.join(self.top, "home")
        self.url = ""
        self.user = "demo-developer"
        self.first_key = ""
        self.first_secret = Secret("")
        self._processes: list[subprocess.Popen[str]] = []
        for name in ("home", "home/.aws", "home/run", "home/tmp", "bin"):
            os.mkdir(os.path.join(self.top, name), 0o700)
        self.env = self._environment()

    def _start_janitor(self) -> subprocess.Popen[str]:
        from credguard.demo import janitor

        return subprocess.Popen(
            [sys.executable, "-I", "-S", os.path.abspath(janitor.__file__), self.top],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def _note(self, line: str) -> None:
        if self._janitor.stdin is not None:
            with contextlib.suppress(OSError):
                self._janitor.stdin.write(line + "\n")
                self._janitor.stdin.flush()

    def _environment(self) -> dict[str, str]:
        """Only what is listed: nothing that leads to the person's keys, keyring or git settings."""
        passphrase = os.path.join(self.top, "passphrase")
        self.write(passphrase, secrets.token_urlsafe(24) + "\n")
        git = os.path.join(self.home, ".gitconfig")
        self.write(git, "[user]\n\tname = Demo Developer\n\temail = demo@example.invalid\n")
        launcher = os.path.join(self.top, "bin", "credguard")
        self.write(launcher, f"#!/bin/sh\nexec '{sys.executable}' -I -m credguard \"$@\"\n", 0o700)
        env = {name: os.environ[name] for name in ("LANG", "SYSTEMROOT") if name in os.environ}
        return env | {
            "HOME": self.home,
            "USERPROFILE": self.home,
            "LOCALAPPDATA": os.path.join(self.home, "AppData"),
            "PATH": os.path.dirname(launcher) + os.pathsep + os.environ.get("PATH", os.defpath),
            "TMPDIR": os.path.join(self.home, "tmp"),
            "XDG_RUNTIME_DIR": os.path.join(self.home, "run"),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.home}/run/no-session-bus",
            "GIT_CONFIG_GLOBAL": git,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
            "CREDGUARD_PASSPHRASE_FILE": passphrase,
        }

    def path(self, *parts: str) -> str:
        """A path below the home."""
        return os.path.join(self.home, *parts)

    def write(self, path: str, text: str, mode: int = 0o600) -> None:
        """Make the file `path` with its folders."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)

    def run(
        self, *command: str, cwd: str | None = None, stdin: str = "", ok: tuple[int, ...] = (0,)
    ) -> Result:
        """Run `command` in this world. Raises DemoFailed: an exit code not in `ok`, or no end."""
        try:
            done = subprocess.run(
                command,
                cwd=cwd or self.home,
                env=self.env,
                input=stdin,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_COMMAND_S,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise DemoFailed(f"{command[0]} did not end within {_COMMAND_S:.0f} s") from exc
        except OSError as exc:
            raise DemoFailed(f"cannot run {command[0]}: {exc.strerror}") from exc
        if done.returncode not in ok:
            said = (done.stderr or done.stdout).strip() or "it said nothing"
            shown = " ".join(part if len(part) < 60 else "..." for part in command)
            raise DemoFailed(f"{shown} ended with exit code {done.returncode}: {said}")
        return Result(done.returncode, done.stdout, done.stderr)

    def credguard(
        self,
        *arguments: str,
        cwd: str | None = None,
        ok: tuple[int, ...] = (0,),
        quiet: bool = False,
    ) -> Result:
        """Run the real command line of this installation, and narrate it. Raises DemoFailed."""
        interpreter = (sys.executable, "-I", "-m", "credguard")
        if not quiet:
            shown = ["..." if "\n" in part else part.replace(self.home, "~") for part in arguments]
            words = ["python" if part == sys.executable else part for part in shown]
            self.tell(f"$ credguard {' '.join(words)}")
        return self.run(*interpreter, *arguments, cwd=cwd, ok=ok)

    def asked(self, *arguments: str) -> Any:
        """What a command answers with --json; not narrated. Raises DemoFailed."""
        return parsed(self.credguard(*arguments, "--json", quiet=True).out, arguments[0])

    def sdk(self, code: str, stdin: str = "", ok: tuple[int, ...] = (0,)) -> Result:
        """Run `code` in a process that has boto3 and knows nothing of credguard."""
        return self.run(sys.executable, "-I", "-c", code, stdin=stdin, ok=ok)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start `command` in the background; `close()` ends it if nobody did. Raises DemoFailed."""
        log = os.path.join(self.top, f"process-{len(self._processes)}.log")
        with open(log, "w", encoding="utf-8") as output:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=self.home,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    text=True,
                    start_new_session=True,
                )
            except OSError as exc:
                raise DemoFailed(f"cannot start {command[0]}: {exc.strerror}") from exc
        self._processes.append(process)
        self._note(f"started {process.pid}")
        return process

    def start_simulator(self) -> None:
        """Start the local AWS and make a user with one key in it. Raises DemoFailed."""
        from credguard.demo import simulator

        port_file = os.path.join(self.top, "port")
        script = os.path.abspath(simulator.__file__)
        process = self.start(self._simulator_python(), script, "--port-file", port_file)
        wait_until(
            lambda: os.path.exists(port_file) or process.poll() is not None,
            "the AWS simulator did not start",
        )
        if not os.path.exists(port_file):
            raise DemoFailed(f"the AWS simulator ended: {self._last_line(process)}")
        with open(port_file, encoding="ascii") as file:
            self.url = f"http://127.0.0.1:{int(file.read())}"
        self.env["AWS_ENDPOINT_URL"] = self.url
        try:
            self.first_key, plain = simulator.seed_user(self.url, self.user)
        except OSError as exc:
            raise DemoFailed(f"the AWS simulator does not answer: {exc}") from exc
        self.first_secret = Secret(plain)

    def _last_line(self, process: subprocess.Popen[str]) -> str:
        log = os.path.join(self.top, f"process-{self._processes.index(process)}.log")
        with open(log, encoding="utf-8", errors="replace") as file:
            return (file.read().strip().splitlines() or ["it said nothing"])[-1]

    def _simulator_python(self) -> str:
        """An interpreter that has moto: this one, or that of an environment made for it."""
        probe = (sys.executable, "-I", "-c", "import moto.server")
        if self.run(*probe, ok=(0, 1)).code == 0:
            return sys.executable
        self.tell("the AWS simulator (moto) goes into a throw-away environment: takes some seconds")
        folder = os.path.join(self.top, "simulator")
        self.run(sys.executable, "-I", "-m", "venv", "--without-pip", folder)
        windows = os.path.join("Scripts", "python.exe")
        python = os.path.join(folder, windows if os.name == "nt" else "bin/python")
        self._install(python, os.path.join(os.path.dirname(__file__), "requirements.txt"))
        return python

    def _install(self, python: str, lock: str) -> None:
        options = ["--require-hashes", "--only-binary", ":all:", "--requirement", lock]
        if self.run(sys.executable, "-I", "-m", "pip", "--version", ok=(0, 1)).code == 0:
            command = [sys.executable, "-I", "-m", "pip", "--python", python, "install"]
            command += ["--no-input", "--disable-pip-version-check"]
        elif uv := shutil.which("uv"):
            command = [uv, "pip", "install", "--python", python]
        else:
            raise DemoFailed("neither pip nor uv is here", hint="run: ./install.sh --demo")
        try:  # in the person's own environment: their package index settings hold
            done = subprocess.run(
                [*command, "--quiet", *options],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_INSTALL_S,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise DemoFailed("installing the AWS simulator took over ten minutes") from exc
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise DemoFailed(
                f"the AWS simulator cannot be installed: {last}",
                hint="check the network and the package index (PIP_INDEX_URL, pip.conf)",
            )

    def files_holding(self, needle: str) -> list[str]:
        """Every file below the home whose bytes contain `needle`."""
        wanted = needle.encode()
        found = []
        for folder, _, names in os.walk(self.home):
            for path in (os.path.join(folder, name) for name in names):
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        if wanted in file.read():
                            found.append(path)
        return found

    def close(self, *, keep: bool) -> None:
        """End what was started; remove everything unless `keep`. Repeat it if interrupted."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            self._note(f"ended {process.pid}")
        if not keep:
            shutil.rmtree(self.top, ignore_errors=True)
            if os.path.exists(self.top):
                raise DemoFailed(f"{self.top} could not be removed", hint=f"rm -rf {self.top}")
        self._note("done")
        if self._janitor.stdin is not None:
            with contextlib.suppress(OSError):
                self._janitor.stdin.close()
        self._janitor.wait()


def parsed(text: str, what: str) -> Any:
    """The JSON in `text`, which `what` printed. Raises DemoFailed."""
    try:
        return json.loads(text)
    except ValueError as exc:
        raise DemoFailed(f"{what} printed no JSON: {text[:200]!r}") from exc


def wait_until(met: Callable[[], bool], otherwise: str) -> None:
    """Return as soon as `met()` holds. Raises DemoFailed(`otherwise`) after a minute."""
    deadline = time.monotonic() + _READY_S
    while not met():
        if time.monotonic() > deadline:
            raise DemoFailed(otherwise)
        time.sleep(0.05)
