"""What install.sh needs Python for before anything is installed. Standard library only.

bootstrap.py stamp PATH...            the SHA-256 over files and folders, names included
bootstrap.py pip-configured           exit 0 when pip has its own settings for where packages are
bootstrap.py fetch NAME SHA256 FOLDER download a wheel from pip's configured package index
"""

import base64
import configparser
import hashlib
import html.parser
import json
import netrc
import os
import re
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

DEFAULT_INDEX = "https://pypi.org/simple"
TIMEOUT = 20.0
_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_PLACES = ("index-url", "extra-index-url", "find-links", "no-index", "cert", "proxy")


class BootstrapError(Exception):
    """One line for the person."""


def stamp(names: list[str]) -> str:
    """The hex SHA-256 over every file below `names`, compiled Python left out."""
    digest = hashlib.sha256(".".join(map(str, sys.version_info[:2])).encode())
    for name in names:
        for path in sorted(_files(name)):
            with open(path, "rb") as file:
                content = hashlib.sha256(file.read()).digest()
            digest.update(os.fsencode(path) + b"\0" + content)
    return digest.hexdigest()


def _files(name: str) -> list[str]:
    if not os.path.isdir(name):
        return [name]
    found = []
    for folder, folders, files in os.walk(name):
        folders[:] = [entry for entry in folders if entry != "__pycache__"]
        found += [os.path.join(folder, entry) for entry in files if not entry.endswith(".pyc")]
    return found


def _config_files() -> list[str]:
    """The configuration files of pip, weakest first, as its documentation orders them."""
    given = os.environ.get("PIP_CONFIG_FILE")
    if given == os.devnull:
        return []
    home = os.path.expanduser("~")
    folders = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    found = [os.path.join(folder, "pip", "pip.conf") for folder in folders.split(":")[::-1]]
    if sys.platform == "darwin":
        found.append("/Library/Application Support/pip/pip.conf")
    found.append("/etc/pip.conf")
    found.append(os.path.join(home, ".pip", "pip.conf"))
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    mac = os.path.join(home, "Library", "Application Support", "pip")
    own = mac if sys.platform == "darwin" and os.path.isdir(mac) else os.path.join(config, "pip")
    found.append(os.path.join(own, "pip.conf"))
    return found + ([given] if given else [])


def pip_settings() -> dict[str, str]:
    """Where pip is told to take packages from; the environment wins over the files."""
    settings: dict[str, str] = {}
    parser = configparser.RawConfigParser()
    for path in _config_files():
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as exc:
            raise BootstrapError(f"pip's configuration {path} cannot be read: {exc}") from exc
    names = (*_PLACES, "trusted-host")
    for section in ("global", "install"):
        for name in names:
            if parser.has_option(section, name):
                settings[name] = parser.get(section, name)
    for name in names:
        value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
        if value is not None:
            settings[name] = value
    return {name: value for name, value in settings.items() if value.strip()}


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.found.append(href)


def _request(url: str) -> urllib.request.Request:
    """A request with the credentials that the address or ~/.netrc gives."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    clean = urllib.parse.urlunsplit(parts._replace(netloc=host))
    request = urllib.request.Request(clean, headers={"Accept": _ACCEPT})  # noqa: S310  # pinned by hash
    user, password = parts.username, parts.password
    if user is None and parts.hostname:
        try:
            entry = netrc.netrc().authenticators(parts.hostname)
        except (OSError, netrc.NetrcParseError):
            entry = None
        if entry:
            user, password = entry[0], entry[2]
    if user is not None:
        pair = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password or '')}"
        token = base64.b64encode(pair.encode()).decode()
        request.add_unredirected_header("Authorization", "Basic " + token)
    return request


def _opener(settings: dict[str, str]) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context(cafile=settings.get("cert"))
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=context)]
    if "proxy" in settings:
        proxy = settings["proxy"]
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    return urllib.request.build_opener(*handlers)


def _address(place: str) -> str:
    """`place`, which may be a local path, as a URL ending in a slash."""
    if re.match(r"[a-z+]{2,}://", place) is None:
        place = "file://" + urllib.request.pathname2url(os.path.abspath(place))
    return place.rstrip("/") + "/"


def _links(opener: urllib.request.OpenerDirector, page: str) -> list[str]:
    """The absolute addresses on a package index page; a local folder gives its files."""
    local = urllib.parse.urlsplit(page)
    if local.scheme == "file":
        folder = urllib.request.url2pathname(local.path)
        if os.path.isdir(folder) and not os.path.exists(os.path.join(folder, "index.html")):
            return [page + urllib.parse.quote(name) for name in sorted(os.listdir(folder))]
        page += "index.html"
    with opener.open(_request(page), timeout=TIMEOUT) as answer:
        text = answer.read()
        base = answer.geturl()
        kind = answer.headers.get("Content-Type", "")
    if "json" in kind:
        found = [entry["url"] for entry in json.loads(text)["files"]]
    else:
        parser = _Links()
        parser.feed(text.decode("utf-8", "replace"))
        found = parser.found
    return [urllib.parse.urljoin(base, link) for link in found]


def _pages(settings: dict[str, str], project: str) -> list[str]:
    found = [_address(place) for place in settings.get("find-links", "").split()]
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        return found
    indexes = [settings.get("index-url", DEFAULT_INDEX)]
    indexes += settings.get("extra-index-url", "").split()
    return [_address(index) + project + "/" for index in indexes] + found


def fetch(name: str, sha256: str, folder: str) -> str:
    """The path of wheel `name`, downloaded into `folder`; only bytes with `sha256` are kept."""
    settings = pip_settings()
    opener = _opener(settings)
    why = "no index holds it"
    for page in _pages(settings, name.split("-")[0]):
        try:
            for link in _links(opener, page):
                if urllib.parse.unquote(urllib.parse.urlsplit(link).path).split("/")[-1] != name:
                    continue
                with opener.open(_request(link), timeout=TIMEOUT) as answer:
                    content: bytes = answer.read()
                if hashlib.sha256(content).hexdigest() != sha256:
                    why = "its SHA-256 is not the pinned one"
                    continue
                path = os.path.join(folder, name)
                with open(path, "wb") as file:
                    file.write(content)
                return path
        except (OSError, ValueError, KeyError) as exc:
            reason = getattr(exc, "reason", None) or exc
            why = f"{urllib.parse.urlsplit(page).hostname or page}: {reason}"
    raise BootstrapError(f"cannot get {name}: {why}")


def main(arguments: list[str]) -> int:
    """Run one of the commands of this file; gives the exit code."""
    match arguments:
        case ["stamp", *names]:
            sys.stdout.write(stamp(names) + "\n")
        case ["pip-configured"]:
            return 0 if any(name in pip_settings() for name in _PLACES) else 1
        case ["fetch", name, sha256, folder]:
            sys.stdout.write(fetch(name, sha256, folder) + "\n")
        case _:
            sys.stderr.write(__doc__ or "")
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BootstrapError as error:
        sys.stderr.write(f"install.sh: {error}\n")
        sys.exit(2)
