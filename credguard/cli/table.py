"""Every command by name, with its line of help; what it needs is imported when it is called."""

from collections.abc import Callable

import click


def _add() -> click.Command:
    from credguard.cli.keys import add

    return add


def _agent() -> click.Command:
    from credguard.cli.agent import agent

    return agent


def _audit() -> click.Command:
    from credguard.cli import audit, audit_fix, audit_waive

    audit.audit.add_command(audit_fix.fix)
    audit.audit.add_command(audit_fix.undo)
    audit.audit.add_command(audit_waive.waive)
    return audit.audit


def _baseline() -> click.Command:
    from credguard.cli.baseline import baseline

    return baseline


def _completion() -> click.Command:
    from credguard.cli.completion import completion

    return completion


def _config() -> click.Command:
    from credguard.cli.config import config

    return config


def _daemon() -> click.Command:
    from credguard.cli.daemon import daemon

    return daemon


def _doctor() -> click.Command:
    from credguard.cli.doctor import doctor

    return doctor


def _demo() -> click.Command:
    from credguard.cli.demo import demo

    return demo


def _env() -> click.Command:
    from credguard.cli.env import env

    return env


def _exec() -> click.Command:
    from credguard.cli.execute import execute

    return execute


def _export() -> click.Command:
    from credguard.cli.export import export

    return export


def _hook() -> click.Command:
    from credguard.cli.hook import hook

    return hook


def _import() -> click.Command:
    from credguard.cli.keys import import_

    return import_


def _init() -> click.Command:
    from credguard.cli.init import init

    return init


def _leak() -> click.Command:
    from credguard.cli.leak import leak

    return leak


def _list() -> click.Command:
    from credguard.cli.keys import list_

    return list_


def _lock() -> click.Command:
    from credguard.cli.lock import lock

    return lock


def _log() -> click.Command:
    from credguard.cli.log import log

    return log


def _mfa() -> click.Command:
    from credguard.cli.mfa import mfa

    return mfa


def _login() -> click.Command:
    from credguard.cli.login import login

    return login


def _password() -> click.Command:
    from credguard.cli.password import password

    return password


def _posture() -> click.Command:
    from credguard.cli.posture import posture

    return posture


def _report() -> click.Command:
    from credguard.cli import report, report_merge

    report.report.add_command(report_merge.merge)
    return report.report


def _remove() -> click.Command:
    from credguard.cli.keys import remove

    return remove


def _rotate() -> click.Command:
    from credguard.cli.rotate import rotate

    return rotate


def _rules() -> click.Command:
    from credguard.cli.rules import rules

    return rules


def _scan() -> click.Command:
    from credguard.cli.scan import scan

    return scan


def _secret() -> click.Command:
    from credguard.cli.secret import secret

    return secret


def _service() -> click.Command:
    from credguard.cli.service import service

    return service


def _shell() -> click.Command:
    from credguard.cli.shell import shell

    return shell


def _ssh() -> click.Command:
    from credguard.cli.ssh import ssh

    return ssh


def _status() -> click.Command:
    from credguard.cli.status import status

    return status


def _unlock() -> click.Command:
    from credguard.cli.unlock import unlock

    return unlock


def _uninstall() -> click.Command:
    from credguard.cli.uninstall import uninstall

    return uninstall


def _use() -> click.Command:
    from credguard.cli.use import use

    return use


def _vault() -> click.Command:
    from credguard.cli.vault import vault

    return vault


def _watch() -> click.Command:
    from credguard.cli.watch import watch

    return watch


COMMANDS: dict[str, tuple[str, Callable[[], click.Command]]] = {
    "add": ("Put an access key into the vault under a profile.", _add),
    "agent": ("Run, stop or look at the agent that hands out credentials.", _agent),
    "audit": ("Check the account against the list of good habits.", _audit),
    "baseline": ("Keep a list of findings that are known.", _baseline),
    "completion": ("Print the script that makes TAB complete.", _completion),
    "config": ("Read or change a setting.", _config),
    "daemon": ("Run the background service in the foreground.", _daemon),
    "demo": ("Show the main job in a throw-away home.", _demo),
    "doctor": ("Look for what is wrong, and say how to mend it.", _doctor),
    "env": ("Print the lines that give a shell a profile's credentials.", _env),
    "exec": ("Run a command with a profile's credentials.", _exec),
    "export": ("Write credentials to a pipe or a new file.", _export),
    "hook": ("Install, remove or look at the git hooks.", _hook),
    "import": ("Move keys from ~/.aws/credentials into the vault.", _import),
    "init": ("Choose the vault and set everything up.", _init),
    "leak": ("See own secrets that were pushed, and stop the answer to them.", _leak),
    "list": ("List the profiles in the vault.", _list),
    "lock": ("Close the vault until it is unlocked again.", _lock),
    "log": ("Show what happened to the keys, and who got them.", _log),
    "login": ("Open the AWS console in a browser as a profile.", _login),
    "mfa": ("Keep the seed of an MFA device in the vault.", _mfa),
    "password": ("Change, copy or show a console password.", _password),
    "posture": ("Show or send what is kept safe on this machine.", _posture),
    "remove": ("Take a profile out of the vault.", _remove),
    "report": ("Write a page with plots, or make one view of many.", _report),
    "rotate": ("Replace access keys through IAM.", _rotate),
    "rules": ("List, show and try the scanner's rules.", _rules),
    "scan": ("Look for secrets in files or in what is staged.", _scan),
    "secret": ("Keep any other secret in the vault.", _secret),
    "service": ("Install, remove or look at the background service.", _service),
    "shell": ("Start a shell with a profile's credentials.", _shell),
    "ssh": ("Make and list your own SSH keys in EC2.", _ssh),
    "status": ("Show keys, hooks, watched folders and the service.", _status),
    "unlock": ("Open the vault for as long as you work.", _unlock),
    "uninstall": ("Undo every change before the program goes.", _uninstall),
    "use": ("Choose what AWS tools take when none is named.", _use),
    "vault": ("Check, move, back up or restore the vault.", _vault),
    "watch": ("Choose the folders that the service watches.", _watch),
}


def _after_install() -> click.Command:
    from credguard.cli.upgrade import after_install

    return after_install


UNLISTED: dict[str, Callable[[], click.Command]] = {"after-install": _after_install}
