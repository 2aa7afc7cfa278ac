"""`credguard login`: the AWS console in a browser, signed in as a profile."""

import http.server
import secrets
import sys
import threading
import webbrowser
from shlex import quote
from typing import Any

import click

from credguard import config
from credguard.app import login as app
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.cli import complete, options
from credguard.cli.ask import code_asker, code_from_stdin
from credguard.errors import CredguardError, Unsupported
from credguard.secret import Secret

# For a browser that is started first. The person may end the wait.
_WAIT_S = 60.0


@click.command("login", epilog="Example: credguard login work")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print the URL; open no browser.")
@click.option("--destination", metavar="URL", help="The console's page to open.")
@click.option("--duration", metavar="TIME", help="Of the console session: 15m to 12h, such as 8h.")
@options.code_stdin
@click.argument("profile", shell_complete=complete.profiles)
def login(
    to_stdout: bool,
    destination: str | None,
    duration: str | None,
    code_stdin: bool,
    profile: str,
) -> None:
    """Open the AWS console in a browser, signed in as PROFILE.

    The URL signs in whoever has it, for 15 minutes: it is printed only with --stdout.
    """
    ctx = Context()
    seconds = config.seconds(duration) if duration is not None else None
    browser = None if to_stdout else _browser(profile)
    given = code_from_stdin() if code_stdin else None
    codes = Codes(ctx, [profile], given=given, ask=code_asker())
    made = app.sign_in(
        ctx,
        profile,
        codes,
        destination=destination,
        duration_s=seconds,
        tell=sys.stderr.write,
    )
    if made.note:
        click.echo(f"note: {made.note}", err=True)
    if browser is None:
        click.echo(made.url.reveal())
        return
    if not _open(browser, made.url):
        raise CredguardError(
            "the browser did not come for the sign-in URL",
            hint=f"print it instead: credguard login --stdout {quote(profile)}",
        )
    click.echo(f"The console is open in your browser, signed in as {profile}.", err=True)


def _browser(profile: str) -> webbrowser.BaseBrowser:
    try:
        return webbrowser.get()
    except webbrowser.Error:
        raise Unsupported(
            "there is no browser here",
            hint=f"print the URL instead: credguard login --stdout {quote(profile)}",
        ) from None


def _open(browser: webbrowser.BaseBrowser, url: Secret) -> bool:
    """Whether the browser fetched the URL.

    A browser's command line can be read by every user of the machine, so it gets an address of
    ours, which leads on to the URL a single time.
    """
    path = "/" + secrets.token_urlsafe(32)
    taken, served = threading.Lock(), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            fits = self.path == path and self.headers.get("Host") == host
            if not fits or not taken.acquire(blocking=False):
                self.send_error(404)
                return
            self.send_response(302)
            self.send_header("Location", url.reveal())
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Content-Length", "0")
            self.end_headers()
            served.set()

        def log_message(self, *_args: Any) -> None:
            """Nothing: the address is worth as much as the URL."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            return browser.open(f"http://{host}{path}") and served.wait(_WAIT_S)
        finally:
            server.shutdown()
            thread.join()
