"""Lies of a node: another value in one place of an answer, for the mode ``alter`` of the fault proxy."""

import copy
import random


def places(value, path=()):
    """Every place in an answer; of a list one of its places stands for all."""
    yield path
    if isinstance(value, dict):
        for name in sorted(value):
            yield from places(value[name], (*path, name))
    elif isinstance(value, list) and value:
        for entry in value[:3]:
            yield from places(entry, (*path, "*"))


def altered(value, chance):
    """Another value in the place of one."""
    ways = [lambda: None, lambda: 5, lambda: "zebra", lambda: {}, lambda: []]
    if isinstance(value, bool):
        return not value
    if isinstance(value, str) and value.startswith("0x"):
        number = int(value, 16) if len(value) > 2 else 0
        last = value[:-1] + chance.choice("0123456789abcdef")
        likely = [last, last, last, value[:-1] or "0x", "0x0", "0x1", "0x" + "f" * max(len(value) - 2, 1)]
        if len(value) < 20:
            likely += [hex(number + 1), hex(max(number - 1, 0)), hex(number ^ 1), hex(number ^ 1)]
        return chance.choice([*(lambda told=told: told for told in likely), *ways])()
    if isinstance(value, list) and value:
        one, other = chance.randrange(len(value)), chance.randrange(len(value))
        lists = [value[:one] + value[one + 1 :], [*value, value[one]], []]
        swapped = list(value)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        return chance.choice([*lists, swapped, swapped, None])
    if isinstance(value, dict) and value and chance.random() < 0.5:
        return {name: there for name, there in value.items() if name != chance.choice(sorted(value))}
    return chance.choice(ways)()


def lie(place, chance):
    """What alters one place of an answer, in the same way whenever it is there."""
    seed = chance.random()

    def change(_, result, __):
        chance = random.Random(seed)
        told = copy.deepcopy(result)
        inside, path = told, place
        if not path:
            return altered(told, chance)
        for step in path[:-1]:
            inside = _into(inside, step, chance)
        step = path[-1]
        if isinstance(inside, list) and inside and step == "*":
            at = chance.randrange(len(inside))
            inside[at] = altered(inside[at], chance)
        elif isinstance(inside, dict) and step in inside:
            new = altered(inside[step], chance)
            if new is None and chance.random() < 0.5:
                del inside[step]
            else:
                inside[step] = new
        return told

    return change


def _into(inside, step, chance):
    if isinstance(inside, list) and inside and step == "*":
        return chance.choice(inside)
    return inside.get(step) if isinstance(inside, dict) else None


def any_lie(method, result, chance):
    """Another value in any one place of an answer."""
    return lie(chance.choice(sorted(places(result), key=str)), chance)(method, result, chance)


def turned(receipts):
    """Every status is the other one."""
    for receipt in receipts if isinstance(receipts, list) else [receipts]:
        if receipt:
            receipt["status"] = hex(int(receipt["status"], 16) ^ 1)
    return receipts


def turned_copy(_, result, __):
    """The other status in each receipt."""
    return turned(copy.deepcopy(result))
