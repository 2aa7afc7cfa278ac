"""Why a finding was judged so: in a few words, or every signal with its weight."""

from credguard.scan.checksums import aws_account
from credguard.scan.general.score import explain
from credguard.scan.model import KEY_IDS, Finding

_SAID = 3
# What a person understands at once; the rest is told by --explain. By signal, or by its group.
_WORDS = {
    "name:password": "named like a password",
    "name:secret": "named like a secret",
    "name:token": "named like a token",
    "name:apikey": "named like an API key",
    "name:key": "named like a key",
    "name:auth": "named like a credential",
    "name:cred": "named like a credential",
    "name:cryptkey": "named like an encryption key",
    "words:0": "no words in it",
    "evenness": "as even as a random value",
    "entropy": "as even as a random value",
    "file:config": "in a configuration file",
    "file:shell": "in a shell script",
    "file:yaml": "in YAML",
    "kind:url": "in a URL",
    "kind:header": "in a header",
    "kind:option": "on a command line",
    "kind:pair": "in a pair of user and password",
    "kind:env": "in an environment file",
    "kind:comment": "commented out",
    "near:host": "beside a host",
    "above:host": "below a host",
    "above:user": "below a user's name",
    "near:user": "beside a user's name",
}


def why(finding: Finding, *, all_signals: bool = False) -> str:
    """The strongest reasons for `finding` in words; "" for a rule that names a vendor's format.

    `all_signals`: every signal that was weighed, with what it adds to the logarithm of the odds; of
    an AWS key id the account that it holds.
    """
    weighed = explain(finding.signals) if finding.signals else []
    if all_signals:
        if not weighed:
            account = aws_account(finding.value) if finding.rule_id in KEY_IDS else None
            of = f", of AWS account {account}" if account else ""
            return f"has the format of rule {finding.rule_id}{of}"
        return ", ".join(f"{weight:+.2f} {name}" for name, weight in weighed)
    said: list[str] = []
    for name, weight in weighed:
        words = _WORDS.get(name) or _WORDS.get(name.partition(":")[0])
        if weight > 0 and words and words not in said:
            said.append(words)
    return ", ".join(said[:_SAID])
