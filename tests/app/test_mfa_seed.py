"""The seed of an MFA device in the vault: whose codes IAM over HTTP takes, with nobody there."""

import base64
from pathlib import Path

import pytest

from credguard import config, paths
from credguard.app import mfa_seed, rotate
from credguard.app.context import Context
from credguard.app.mfa import Codes, from_seed
from credguard.app.rotate import Wanted
from credguard.errors import CredguardError, NeedsCode
from credguard.secret import Secret
from credguard.store import mfa, secrets
from tests.support import in_memory
from tests.support.fault_table import Fault, MfaDevice
from tests.support.faults import FaultProxy
from tests.support.person import credguard, file_vault
from tests.support.simulator import Simulator


@pytest.fixture
def ctx(faults: FaultProxy, simulator: Simulator) -> Context:
    config.set_value("rotation.prove_interval", "0s")
    return in_memory.context(simulator, "work")


@pytest.fixture
def device(ctx: Context, faults: FaultProxy) -> MfaDevice:
    made = faults.add_mfa_device("dev")
    file = Path(paths.aws_config_file())
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"[profile work]\nmfa_serial = {made.serial}\n")
    return made


def test_a_rotation_under_mfa_needs_nobody(
    ctx: Context, device: MfaDevice, faults: FaultProxy
) -> None:
    faults.script(Fault("iam:*", "mfa-required"))
    (outcome,) = rotate.rotate(ctx, ["work"], wanted=Wanted(yes=True))
    assert isinstance(outcome.error, NeedsCode)
    mfa_seed.add(ctx, device.serial, Secret(device.base32()))
    (outcome,) = rotate.rotate(ctx, ["work"], wanted=Wanted(yes=True))
    assert outcome.error is None, outcome.error
    assert outcome.why == "grace"


def test_it_is_off_until_added_and_after_removal(ctx: Context, device: MfaDevice) -> None:
    for _ in range(2):
        with pytest.raises(NeedsCode):
            Codes(ctx, ["work"]).code(device.serial)
        with pytest.raises(CredguardError, match="holds no seed"):
            from_seed(ctx, device.serial)
        mfa_seed.add(ctx, device.serial, Secret(device.base32()))
        assert Codes(ctx, ["work"]).code(device.serial).reveal() == device.code()
        ctx.db.execute("DELETE FROM mfa_step")
        mfa_seed.remove(ctx, device.serial)
        assert secrets.names(ctx.db) == []


def test_a_code_that_a_person_had_is_not_used_again(ctx: Context, device: MfaDevice) -> None:
    mfa_seed.add(ctx, device.serial, Secret(device.base32()))
    assert from_seed(ctx, device.serial).reveal() == device.code()
    assert mfa.step(ctx.db, device.serial) == int(ctx.now() // 30)


@pytest.mark.parametrize(
    "form",
    [
        "{seed}",
        "{lower}",
        "{spaced}\n",
        "otpauth://totp/Amazon%20Web%20Services:dev@1?secret={seed}&issuer=AWS",
        "otpauth://totp/x?secret={lower}&digits=6&period=30&algorithm=SHA1",
    ],
)
def test_each_way_to_write_it(ctx: Context, device: MfaDevice, form: str) -> None:
    seed = device.base32()
    spaced = " ".join(seed[at : at + 4] for at in range(0, len(seed), 4))
    given = form.format(seed=seed, lower=seed.lower(), spaced=spaced)
    mfa_seed.add(ctx, device.serial, Secret(given))
    assert from_seed(ctx, device.serial).reveal() == device.code()


@pytest.mark.parametrize(
    "given",
    [
        "",
        "123456",
        "not base32!",
        base64.b32encode(b"short").decode(),
        "otpauth://hotp/x?secret={seed}",
        "otpauth://totp/x?secret={seed}&digits=8",
        "otpauth://totp/x?secret={seed}&algorithm=SHA256",
        "otpauth://totp/x",
    ],
)
def test_what_is_no_seed_is_refused_and_not_repeated(
    ctx: Context, device: MfaDevice, given: str
) -> None:
    with pytest.raises(CredguardError) as told:
        mfa_seed.add(ctx, device.serial, Secret(given.format(seed=device.base32())))
    assert device.base32() not in str(told.value)
    assert secrets.names(ctx.db) == []


def test_devices_with_names_alike_are_kept_apart() -> None:
    names = {mfa_seed.name_of(f"arn:aws:iam::123456789012:mfa/{each}") for each in ("a+b", "a=b")}
    assert len(names) == 2


def test_by_hand(device: MfaDevice, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file_vault(poisoned, monkeypatch)
    seed = device.base32() + "\n"
    assert "both" in credguard("mfa", "add", "work", "--yes", stdin=seed).stderr
    assert "nobody is here" in credguard("mfa", "add", "work", stdin=seed, ok=2).stderr
    # The device's clock stands still since the test began; a busy machine may take minutes.
    codes = {device.code(steps) for steps in range(10)}
    assert credguard("mfa", "code", "work").stdout.strip() in codes
    credguard("mfa", "remove", "work", "--yes")
    assert "holds no seed" in credguard("mfa", "code", device.serial, ok=2).stderr
