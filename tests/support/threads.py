"""The same work in several threads at once, and waiting for what they bring about."""

import threading
import time


def in_threads(count, act):
    """Run `act` with each number in a thread of its own; what failed."""
    troubles = []

    def run(number):
        try:
            act(number)
        except BaseException as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    return troubles


def until(true, seconds=30):
    """Wait until something is true, for so many seconds at most."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
