"""A Dagster process that ends when whoever started it ends, even by `kill -9`.

`python -m recon_assets.orchestration.supervised_process MODULE [ARGUMENT ...]` runs ``MODULE`` as a program.
Its standard input is a pipe from the parent: at its end, whoever closed it, the process interrupts itself.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 20


def interrupt_when_orphaned() -> None:
    """Wait for the end of standard input, then stop this process, gently at first."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts us with & has it ignored
    threading.Thread(target=interrupt_when_orphaned, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
