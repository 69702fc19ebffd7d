"""The same work in several threads at once."""

import threading


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
