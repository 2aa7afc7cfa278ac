import pytest

from credguard.rotation.driver import begin, resume
from credguard.rotation.model import Proof
from tests.rotation.schedules import DEFAULT
from tests.rotation.world import OLD, FakeEffects, World


def _answers(effects: FakeEffects, *answers: Proof) -> list[str]:
    """Prove gives these, and then accepts; gives the keys it was called for."""
    left, called = list(answers), []

    def prove(key_id: str) -> Proof:
        called.append(key_id)
        effects.world.proven.add(key_id)
        return left.pop(0) if left else Proof.ACCEPTED

    effects.prove = prove  # type: ignore[method-assign]
    return called


@pytest.mark.parametrize(
    ("answers", "proofs"),
    [
        ([], 3),
        ([Proof.NOT_YET], 4),
        ([Proof.NOT_YET, Proof.BAD_SECRET, Proof.BAD_SECRET], 6),
        ([Proof.ACCEPTED, Proof.NOT_YET], 5),
        ([Proof.ACCEPTED, Proof.ACCEPTED, Proof.BAD_SECRET], 6),
        ([Proof.ACCEPTED, Proof.BAD_SECRET, Proof.BAD_SECRET], 6),
        ([Proof.BAD_SECRET, Proof.BAD_SECRET, Proof.NOT_YET, Proof.BAD_SECRET], 7),
        ([Proof.BAD_SECRET, Proof.BAD_SECRET, Proof.ACCEPTED, Proof.BAD_SECRET], 7),
    ],
)
def test_three_proofs_in_a_row_are_needed_and_three_refusals(
    answers: list[Proof], proofs: int
) -> None:
    world = World()
    effects = FakeEffects(world)
    called = _answers(effects, *answers)
    resume(effects, begin(effects, "i", "t", OLD, (OLD,)), DEFAULT, interval=1.0)
    assert called == ["new1"] * proofs
    assert world.handed_out == "new1"
