"""How an effect of the world can fail, by name; and a crash."""

from collections.abc import Callable

from credguard.errors import (
    CredguardError,
    InvalidKey,
    NetworkDown,
    StoreError,
    Throttled,
    VaultError,
    VaultLocked,
)


class Crash(BaseException):
    """The process is gone: nothing after it runs."""


Fail = Callable[[str, int], CredguardError | None]
FAILURES: dict[str, Callable[[], CredguardError]] = {
    "store locked": lambda: VaultLocked("the keyring is locked"),
    "store torn": lambda: VaultError("the secret read back differs"),
    "known locked": lambda: VaultLocked("the keyring is locked"),
    "forget locked": lambda: VaultLocked("the keyring is locked"),
    "write disk full": lambda: StoreError("no space left on device"),
    "end disk full": lambda: StoreError("no space left on device"),
    "switch disk full": lambda: StoreError("no space left on device"),
    "pointer disk full": lambda: StoreError("no space left on device"),
    "create throttled": lambda: Throttled("slow down"),
    "create down": lambda: NetworkDown("no answer"),
    "create lost": lambda: NetworkDown("the answer was lost"),
    "listed down": lambda: NetworkDown("no answer"),
    "listed throttled": lambda: Throttled("slow down"),
    "listed rejected": lambda: InvalidKey("not accepted just now"),
    "used down": lambda: NetworkDown("no answer"),
    "used throttled": lambda: Throttled("slow down"),
    "used rejected": lambda: InvalidKey("not accepted just now"),
    "set_active down": lambda: NetworkDown("no answer"),
    "set_active lost": lambda: NetworkDown("the answer was lost"),
    "set_active throttled": lambda: Throttled("slow down"),
    "set_active rejected": lambda: InvalidKey("not accepted just now"),
    "delete down": lambda: NetworkDown("no answer"),
    "delete lost": lambda: NetworkDown("the answer was lost"),
    "delete throttled": lambda: Throttled("slow down"),
    "delete rejected": lambda: InvalidKey("not accepted just now"),
    "prove down": lambda: NetworkDown("no answer"),
    "alive down": lambda: NetworkDown("no answer"),
}
"""Effect and fault, by name: "EFFECT lost" and "store torn" happen within it, the rest before."""


def failing(name: str, numbers: frozenset[int]) -> Fail:
    """A `fail` for FakeEffects: fault `name` of FAILURES at these calls of its effect."""
    effect = name if name.endswith(("lost", "torn")) else name.split(" ")[0]
    make = FAILURES[name]

    def fail(called: str, number: int) -> CredguardError | None:
        return make() if called == effect and number in numbers else None

    return fail
