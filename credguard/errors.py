"""The exception tree. Every class carries the exit code and a default hint; imports nothing.

CredguardError                2  could not do, or could not tell
  ConfigError                    the config file or a value in it is wrong
  StoreError                     the state database cannot be used
  VaultError                     a secret cannot be read or written
    VaultLocked                  it needs unlocking
    VaultUnavailable             no such backend here, or it does not answer
    VaultTimeout                 it did not answer within the deadline
    WrongPassphrase              the passphrase does not open the file vault
    VaultCorrupt                 stored bytes are not what was written
  UnknownProfile                 no such profile
  AwsError                       AWS refused or did not answer
    InvalidKey                   AWS does not accept the key (absent, inactive, wrong secret)
      BadSignature               it knows the key; the secret is wrong
    NotPermitted                 a policy refuses the action
      CodeRefused                the code of an MFA device is wrong, old, or was used before
    NeedsCode                    a policy asks for MFA, and no code was to be had
    QuotaExceeded                a limit is reached
    NoSuchEntity                 what was named does not exist
    AlreadyExists                what was to be made exists
    Throttled                    too many requests
    PasswordRefused              the console password was not changed
      PasswordPolicyViolation    the new one does not follow the account's policy
    TemporarilyUnmodifiable      the user cannot be changed for some minutes
    NetworkDown                  no answer, or a broken connection: executed or not is unknown
  Busy                           another credguard holds the lock
  GitError                       git failed or the repository is not usable
  RotationRefused                a rotation must not go on without a person
  Unsupported                    this platform or this input cannot be served
  Aborted                        a person said no
"""


class CredguardError(Exception):
    """What failed and on what, lower case without a full stop; never holds a secret."""

    exit_code = 2
    hint = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """Keep `message`; `hint` replaces the class's default (what to type next)."""
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class ConfigError(CredguardError):
    """The configuration cannot be read or holds a wrong value."""

    hint = "see: credguard config get"


class StoreError(CredguardError):
    """The state database cannot be opened, read or written."""

    hint = "check the free space and the modes of the folder, then run: credguard status"


class DatabaseDamaged(StoreError):
    """What stands in the state database's file is no whole database."""


class DatabaseReplaced(StoreError):
    """Another stands in the place of the state database that was found damaged."""


class RebuiltTooOften(StoreError):
    """The state database is damaged again, after it was made anew several times within a day."""


class Busy(CredguardError):
    """Another process of credguard holds what is needed."""

    hint = "wait for the other credguard to end, then run it again"


class VaultError(CredguardError):
    """A secret cannot be read or written."""

    hint = "run: credguard status"


class VaultLocked(VaultError):
    """The vault needs unlocking by a person."""

    hint = "open it: credguard unlock; then run it again"


class VaultUnavailable(VaultError):
    """The backend does not exist here or cannot be reached."""

    # Not `config set vault.backend`: the keys that rest in this vault would be out of sight.
    hint = (
        "unlock the keyring; see why: credguard doctor;"
        " to move the keys: credguard vault migrate --to file"
    )


class VaultTimeout(VaultError):
    """The backend did not answer within its deadline."""

    hint = "look for a waiting unlock dialog, then run it again"


class WrongPassphrase(VaultError):
    """The passphrase does not open the file vault."""

    hint = "type it again, or check the file named by CREDGUARD_PASSPHRASE_FILE"


class VaultCorrupt(VaultError):
    """Stored bytes are damaged or not what was written."""

    hint = "restore a copy: credguard vault restore FILE"


class UnknownProfile(CredguardError):
    """No profile of that name is known."""

    hint = "see: credguard list"


class AwsError(CredguardError):
    """AWS refused a call or gave no usable answer."""

    hint = "check the network and AWS_ENDPOINT_URL, then run it again"


class InvalidKey(AwsError):
    """AWS does not accept the access key: absent, inactive, expired or with a wrong secret."""

    hint = (
        "look at the key in the IAM console, then import or add a valid one: credguard add PROFILE"
    )


class BadSignature(InvalidKey):
    """AWS knows the access key and refuses its signature: the secret is wrong.

    The clock is not to blame: where its answer shows that, a plain AwsError says so.
    """

    hint = "the secret is wrong, or this machine's clock is; check both"


class NeedsCode(AwsError):
    """A policy asks for MFA and nobody was there to give a code."""

    hint = "run it at a terminal, or give the code: --code-stdin"
    # For a caller that takes no code, such as an AWS tool; a profile follows.
    at_a_terminal = "run, at a terminal: credguard exec "


class NotPermitted(AwsError):
    """A policy refuses the action named in the message."""

    hint = "ask for the missing permission, then run it again"


class CodeRefused(NotPermitted):
    """The code of an MFA device is wrong, old, or was used before; or the device is another's."""

    hint = "wait for the next code, then run it again; check mfa_serial in ~/.aws/config"


class QuotaExceeded(AwsError):
    """A limit of the account or user is reached."""

    hint = "see: credguard rotate --status"


class NoSuchEntity(AwsError):
    """What the call named does not exist."""

    hint = "see: credguard list"


class AlreadyExists(AwsError):
    """What the call was to make exists already."""

    hint = "choose another name"


class Throttled(AwsError):
    """AWS asks to slow down."""

    hint = "run it again in a minute"


class PasswordRefused(AwsError):
    """AWS answered that it did not change the password; most often the old one is wrong."""

    hint = "give the password you sign in with: credguard password rotate PROFILE --current-stdin"


class PasswordPolicyViolation(PasswordRefused):
    """The new password does not follow the account's password policy."""

    hint = "ask for the permission iam:GetAccountPasswordPolicy, then run it again"


class TemporarilyUnmodifiable(AwsError):
    """AWS asks to wait some minutes before the user is changed."""

    hint = "run it again in ten minutes"


class NetworkDown(AwsError):
    """No answer, or a broken connection: whether the call was executed is unknown."""

    hint = "check the network, then run it again"


class GitError(CredguardError):
    """Git failed, or this is not a repository it can be used in."""

    hint = "run it inside a git repository"


class RotationRefused(CredguardError):
    """A rotation must not start or go on without a person's decision."""

    hint = "see: credguard rotate --status"


class Unsupported(CredguardError):
    """This platform or this input cannot be served."""


class Aborted(CredguardError):
    """A person said no; nothing was changed after the question."""
