"""Runs programs that show what other processes do."""

from __future__ import annotations

import subprocess
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def while_processes_start(*command: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """What a program prints that ends by itself once processes start and end; at most two minutes."""
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            end = time.monotonic() + 120
            while process.poll() is None and time.monotonic() < end:
                subprocess.run([sys.executable, "-S", "-c", ""], check=True)
                time.sleep(0.05)
        finally:
            process.kill()
        assert process.stdout is not None
        return process.stdout.read()
