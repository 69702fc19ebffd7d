"""Processes that send and are killed; forked off the test, so that one costs milliseconds."""

import os
import signal
import time
import traceback


def fork(work):
    """Run a function in a process of its own; its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)  # nothing of the test's is tidied up by a child


def wait(child, seconds=60):
    """How a process ended: its exit code, or minus its signal."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError(f"process {child} was not done after {seconds} s")


def die_at(step, time_=1):
    """A hook that kills its own process at a step, the first or a later time."""
    left = [time_]

    def hook(reached):
        if reached == step:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook
