import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from credguard.daemon.snapshot import Snapshot


def status(number: int) -> os.stat_result:
    return os.stat_result((0, number, 0, 0, 0, 0, number, 0, 0, 0))


@given(
    st.lists(st.tuples(st.sampled_from(["put", "drop"]), st.integers(0, 3000), st.integers(0, 2)))
    | st.lists(st.integers(0, 3000), min_size=1200, max_size=2500, unique=True).map(
        lambda numbers: (
            [("put", number, 0) for number in numbers]
            + [("drop", number, 0) for number in numbers[::3]]
            + [("put", number, 1) for number in numbers[::5]]
        )
    )
)
def test_it_knows_what_a_dict_would(steps: list[tuple[str, int, int]]) -> None:
    snapshot, known = Snapshot(), dict[int, int]()
    for what, number, state in steps:
        if what == "put":
            snapshot.put(f"/a/{number}", status(state))
            known[number] = state
        else:
            snapshot.drop(f"/a/{number}")
            known.pop(number, None)
    assert len(snapshot) == len(known)
    for number in {number for _, number, _ in steps}:
        for state in range(3):
            same = snapshot.same(f"/a/{number}", status(state))
            assert same == (known.get(number) == state)


def test_of_a_file_it_takes_notice_of_each_of_time_size_and_inode(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("x")
    before = os.stat(file)
    snapshot = Snapshot()
    snapshot.put("f", before)
    assert snapshot.same("f", os.stat(file))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert not snapshot.same("f", os.stat(file))
    file.write_text("xy")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not snapshot.same("f", os.stat(file))
    other = tmp_path / "g"
    other.write_text("x")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not snapshot.same("f", os.stat(other))
