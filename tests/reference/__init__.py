"""The rules of Salus once more, in plain Python, written from the interfaces' prose and never from the contracts.

Each module is slow, exact and obvious: whole series are judged anew, nothing is packed, nothing is incremental. Where a
contract and its reference disagree, the prose in ``interfaces/`` says which of the two is wrong.
"""
