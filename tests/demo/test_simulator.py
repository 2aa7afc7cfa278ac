import signal
import subprocess
import sys
import time
from pathlib import Path

from credguard.aws import sts
from credguard.aws.model import Credentials
from credguard.demo import simulator
from credguard.secret import Secret


def test_runs_as_a_script_without_this_package(tmp_path: Path, monkeypatch) -> None:
    port_file = tmp_path / "port"
    script = tmp_path / "simulator.py"
    script.write_bytes(Path(simulator.__file__).read_bytes())
    process = subprocess.Popen([sys.executable, str(script), "--port-file", str(port_file)])
    try:
        deadline = time.monotonic() + 60
        while not port_file.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        url = f"http://127.0.0.1:{int(port_file.read_text())}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        key_id, secret = simulator.seed_user(url, "demo")
        who = sts.caller_identity(Credentials(key_id, Secret(secret)))
        assert who.user_name == "demo"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
