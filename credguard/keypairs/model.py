"""What is known of SSH keys in an account and on this machine. Plain values, no I/O."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pair:
    """A key pair of one region. `public_key`: None where EC2 did not give it.

    `created`: Unix seconds; None: not known. `owner`: its tag; None: it has none.
    """

    region: str
    name: str
    kind: str
    fingerprint: str
    public_key: str | None
    tags: dict[str, str] = field(default_factory=dict)
    created: float | None = None

    @property
    def owner(self) -> str | None:
        """Whose it is, by its tag."""
        return self.tags.get("owner") or self.tags.get("Owner") or None


@dataclass(frozen=True, slots=True)
class Instance:
    """A machine that is not terminated. `key_name`: of the pair it was launched with; None: none.

    `name` and `owner`: tags, or None. `launched`: Unix seconds. `state`: as EC2 says.
    """

    region: str
    id: str
    key_name: str | None
    name: str | None = None
    owner: str | None = None
    launched: float | None = None
    state: str = "running"
    zone: str = ""
    private_ip: str | None = None
    public_ip: str | None = None
    windows: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """What instances are launched from, which names a key pair: without it no launch succeeds.

    `version`: of a launch template; None: a launch configuration of EC2 Auto Scaling, which has
    none. `id`: the configuration's is its name.
    """

    region: str
    id: str
    name: str
    key_name: str
    version: int | None = None

    @property
    def title(self) -> str:
        """What a person knows it by."""
        if self.version is None:
            return f"launch configuration {self.name}"
        return f"launch template {self.name}, version {self.version}"


@dataclass(frozen=True, slots=True)
class LocalKey:
    """A private key on this machine. `path`: None: only in the vault.

    `name`: as credguard knows it; None: it was not made here. `public_key`: None: not known without
    the passphrase. `encrypted`: False: whoever reads the file has the key. `mode`: of the file.
    `created`: Unix seconds; of a foreign key when the file was changed last.
    """

    path: str | None
    name: str | None
    kind: str
    bits: int
    encrypted: bool
    public_key: str | None
    mode: int = 0o600
    created: float | None = None
    owner: str | None = None

    @property
    def title(self) -> str:
        """What a person knows it by."""
        return self.name or self.path or "a key in the vault"


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a look found. `me`: the owner that new keys are tagged with.

    `unknown`: (what, why) could not be read; nothing is concluded of it.
    """

    me: str
    pairs: tuple[Pair, ...] = ()
    instances: tuple[Instance, ...] = ()
    local: tuple[LocalKey, ...] = ()
    templates: tuple[Template, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
