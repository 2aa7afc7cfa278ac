"""`pass`, the standard unix password manager (passwordstore.org): a Vault of GPG-encrypted files.

Item `secret/name` is the entry `credguard/secret/name` and holds the secret's bytes as they are, so
that `pass show` gives them too. Values go through pipes, never into an argument. pass and gpg run
under a deadline; a passphrase is asked for (pinentry) only where a terminal is there, else a locked
gpg-agent is told as VaultLocked at once. gpg's status lines (doc/DETAILS in its sources) tell why
it failed, whatever the language. PASSWORD_STORE_DIR is honoured, as by pass itself.

What it gives up: names are not encrypted, gpg writes a file in place (a crash midway may lose the
earlier value of an item that is replaced; keys never are), and a store kept in git keeps the
encrypted form of what was deleted.
"""

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
from urllib.parse import unquote

from credguard import paths
from credguard.errors import (
    VaultCorrupt,
    VaultError,
    VaultLocked,
    VaultTimeout,
    VaultUnavailable,
)
from credguard.secret import Secret

_FOLDER = "credguard"
# As for an OS keyring: time to find and type a passphrase, and less than the SDKs wait.
DEADLINE_S = 50.0
_LARGEST = 64 << 20
_PLAIN = re.compile(r"[A-Za-z0-9_@+=,.-]\Z")
_LONGEST_PART = 200  # file names end at 255 bytes, ".gpg" among them
_UNLOCK = "unlock gpg-agent: credguard unlock"


class PassStore:
    """A Vault in the password store of this user."""

    name = "pass"

    def __init__(self, *, deadline_s: float = DEADLINE_S) -> None:
        """Nothing is started yet. `deadline_s`: of each call of pass."""
        self._deadline_s = deadline_s

    def get(self, item: str) -> Secret | None:
        """See Vault. Raises VaultLocked, VaultTimeout, VaultUnavailable, VaultCorrupt."""
        return self.show(_entry(item))

    def show(self, entry: str) -> Secret | None:
        """What any entry of the store holds; None: there is none. Raises as get."""
        return Secret(self._run("show", entry)) if _present(entry) else None

    def put(self, item: str, secret: Secret) -> None:
        """See Vault. Raises VaultError where the file system takes two names for one."""
        entry = _entry(item)
        if os.path.lexists(_file(entry)) and not _present(entry):
            raise VaultError(
                f"{_file(entry)} belongs to an item whose name differs in its case only",
                hint="choose another name",
            )
        self._run("insert", "--multiline", "--force", entry, value=secret.reveal_bytes())
        if self.get(item) != secret:
            raise VaultCorrupt("pass gives back other bytes than were stored")

    def delete(self, item: str) -> None:
        """See Vault."""
        self.drop(_entry(item))

    def names(self) -> list[str]:
        """See Vault. Nothing is decrypted: the names are those of the files."""
        top = os.path.join(folder(), _FOLDER)

        def unreadable(exc: OSError) -> None:
            raise VaultError(f"cannot read {exc.filename}: {exc.strerror}") from exc

        found = []
        for place, _, files in os.walk(top, onerror=unreadable if os.path.isdir(top) else None):
            for name in files:
                file = os.path.relpath(os.path.join(place, name), folder())
                parts = file.removesuffix(".gpg").split(os.sep)[1:]
                with contextlib.suppress(UnicodeError):  # such a name is none of ours
                    item = "/".join(_unescaped(part) for part in parts)
                    if _entry(item) + ".gpg" == file:  # one shortened by its digest is none
                        found.append(item)
        return sorted(found)

    def drop(self, entry: str) -> None:
        """Remove any entry of the store; absent is not an error. Raises as delete."""
        if _present(entry):
            self._run("rm", "--force", entry)
        if _present(entry):
            raise VaultError(f"pass did not remove {entry}", hint=f"try it: pass rm {entry}")

    def lock(self) -> None:
        """Make gpg-agent forget every passphrase. Raises VaultError."""
        words = ["gpg-connect-agent", "--no-autostart", "--quiet", "RELOADAGENT", "/bye"]
        try:
            subprocess.run(
                words,
                check=False,
                capture_output=True,
                timeout=self._deadline_s,
                stdin=subprocess.DEVNULL,
            )
        except FileNotFoundError:
            raise VaultUnavailable("gpg-connect-agent is not installed") from None
        except subprocess.TimeoutExpired:
            raise VaultTimeout("gpg-agent does not answer") from None

    def _run(self, *command: str, value: bytes | None = None) -> bytes:
        words = ["pass", *command[:-1], "--", command[-1]]
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL if value is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_variables(),
                start_new_session=True,
            )
        except FileNotFoundError:
            raise VaultUnavailable(
                "pass is not installed", hint="install it (Debian: apt install pass)"
            ) from None
        except OSError as exc:
            raise VaultUnavailable(f"cannot start pass: {exc.strerror}") from exc
        with process:
            try:
                out, said = process.communicate(value, timeout=self._deadline_s)
            except subprocess.TimeoutExpired:
                raise VaultTimeout(f"pass did not answer within {self._deadline_s:.0f} s") from None
            finally:
                if process.poll() is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
        if process.returncode != 0:
            raise _error(said.decode("utf-8", "replace"))
        if len(out) > _LARGEST:
            raise VaultError("an entry of pass is larger than 64 MiB")
        return out


def folder() -> str:
    """The password store's own folder."""
    return os.environ.get("PASSWORD_STORE_DIR") or os.path.join(paths.home(), ".password-store")


def _variables() -> dict[str, str]:
    from credguard.vault.passphrase import terminal

    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CREDGUARD_PASSPHRASE", "AWS_"))
    }
    options = [variables.get("PASSWORD_STORE_GPG_OPTS", ""), "--status-fd=2"]
    # A recipient that is not known must not be looked for, and trusted, over the network.
    options.append("--no-auto-key-locate")
    place = _terminal_name() if terminal() else None
    if place is None:
        options.append("--pinentry-mode=error")
    else:
        variables["GPG_TTY"] = place
    variables["PASSWORD_STORE_GPG_OPTS"] = " ".join(options).strip()
    return variables


def _terminal_name() -> str | None:
    # pinentry draws on it by its name; /dev/tty would be gpg-agent's own, which has none.
    for stream in (2, 0, 1):
        with contextlib.suppress(OSError):
            return os.ttyname(stream)
    return os.environ.get("GPG_TTY") or None


def _error(said: str) -> VaultError:
    status = [line.split()[1:] for line in said.splitlines() if line.startswith("[GNUPG:] ")]
    words = {line[0] for line in status if line}
    # DECRYPTION_KEY and INFO come once the session key was had: only the data can be to blame.
    damage = {"NODATA", "UNEXPECTED", "BADMDC", "DECRYPTION_KEY", "DECRYPTION_INFO"}
    failed = "DECRYPTION_FAILED" in words and not words & damage
    # gpg says the same of a key that is locked and of one that is not here.
    if failed and not _secret_key([line[1] for line in status if line[:1] == ["ENC_TO"]]):
        return VaultUnavailable(
            "the GPG key that pass encrypted for is not here", hint="see: gpg --list-secret-keys"
        )
    if failed:
        return VaultLocked("the GPG key of pass is locked", hint=_UNLOCK)
    if words & damage:
        return VaultCorrupt("an entry of pass is damaged")
    if "INV_RECP" in words:
        return VaultUnavailable(
            "pass cannot encrypt for its GPG key: unknown, expired or not trusted",
            hint=f"see: cat {os.path.join(folder(), '.gpg-id')}; gpg --list-keys",
        )
    if not os.path.exists(os.path.join(folder(), ".gpg-id")):
        return VaultUnavailable(
            f"there is no password store in {folder()}", hint="make one: pass init YOUR-GPG-KEY"
        )
    lines = [line for line in said.splitlines() if line and not line.startswith("[GNUPG:]")]
    return VaultError(f"pass refused: {lines[-1].strip() if lines else 'it says nothing'}")


def _secret_key(key_ids: list[str]) -> bool:
    """Whether one of these keys has its secret half here, locked or not."""
    for each in key_ids:
        words = ["gpg", "--batch", "--list-secret-keys", "--with-colons", each]
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                words, capture_output=True, check=False, timeout=10, stdin=subprocess.DEVNULL
            )
            if done.returncode == 0:
                return True
    return False


def _entry(item: str) -> str:
    return "/".join([_FOLDER, *(_part(part) for part in item.split("/"))])


def _part(part: str) -> str:
    """`part` as one safe file name, a different one for each part."""
    text = "".join(c if _PLAIN.match(c) else _escaped(c) for c in part) or "%"
    # A leading dot hides it or climbs up; "a.gpg/b" would meet the file of "a".
    if text[0] in ".-":
        text = _escaped(text[0]) + text[1:]
    if text.endswith(".gpg"):
        text = text.removesuffix(".gpg") + "%2egpg"
    if len(text) > _LONGEST_PART:
        text = "~" + hashlib.sha256(part.encode()).hexdigest()
    return text


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02x}" for byte in character.encode())


def _unescaped(part: str) -> str:
    return "" if part == "%" else unquote(part, errors="strict")


def _file(entry: str) -> str:
    return os.path.join(folder(), entry + ".gpg")


def _present(entry: str) -> bool:
    """Whether the entry is there under exactly this name, on any file system."""
    place = folder()
    for part in (entry + ".gpg").split("/"):
        try:
            if part not in os.listdir(place):
                return False
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as exc:
            raise VaultError(f"cannot read {place}: {exc.strerror}") from exc
        place = os.path.join(place, part)
    return True


def check_platform() -> None:
    """Raise VaultUnavailable on Windows, which has no pass."""
    if sys.platform == "win32":
        raise VaultUnavailable("pass does not exist on this platform")
