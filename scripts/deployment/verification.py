"""Looks at the end of a deployment whether the chain is as it should be: the code, and each power."""

from brownie import web3

MOST_CODE = 24_576  # bytes, EIP-170


def _topic(text):
    return web3.keccak(text=text)


GRANTED = _topic("RoleGranted(uint64,address,uint32,uint48,bool)")
REVOKED = _topic("RoleRevoked(uint64,address)")
GUARDED = _topic("RoleGuardianChanged(uint64,uint64)")
MAPPED = _topic("TargetFunctionRoleUpdated(address,bytes4,uint64)")
# What changes how a power works and what no deployment does.
NEVER = {
    _topic("RoleAdminChanged(uint64,uint64)"): "another administrator of a role",
    _topic("RoleGrantDelayChanged(uint64,uint32,uint48)"): "a delay of grants",
    _topic("TargetAdminDelayUpdated(address,uint32,uint48)"): "a delay of a contract's administration",
    _topic("TargetClosed(address,bool)"): "a closed contract",
    _topic("OperationScheduled(bytes32,uint32,uint48,address,address,bytes)"): "a scheduled operation",
}


def wrong_code(steps, receipts):
    """What is not as it was sent: a line each."""
    for step, receipt in zip(steps, receipts):
        if receipt["status"] != 1:
            yield f"{step.name}: its transaction failed"
        elif bytes(web3.eth.get_transaction(receipt["transactionHash"])["input"]) != step.data:
            yield f"{step.name}: another transaction has its nonce"
        if step.address:
            code = web3.eth.get_code(step.address)
            if not step.is_there(code):
                yield f"{step.name}: the code at {step.address} is not what was compiled"
            elif len(code) > MOST_CODE:
                yield f"{step.name}: has {len(code)} bytes of code, more than {MOST_CODE}"


def wrong_powers(manager, blocks, powers):
    """What the AccessManager's whole log says against the table: a line each.

    manager   its address
    blocks    numbers of the first and the last one: of its creation, and of the handing-over, after which those who
              have the powers may use them
    powers    what there should be: {"members": {(role, account): delay}, "guardians": {role: role},
              "functions": {(contract, selector): role}}
    """
    members, guardians, functions = {}, {}, {}
    for log in web3.eth.get_logs({"address": manager, "fromBlock": blocks[0], "toBlock": blocks[1]}):
        topic, topics, data = log["topics"][0], log["topics"], bytes(log["data"])
        if topic == GRANTED:
            members[_number(topics[1]), _account(topics[2])] = _number(data[:32])
        elif topic == REVOKED:
            members.pop((_number(topics[1]), _account(topics[2])), None)
        elif topic == GUARDED:
            guardians[_number(topics[1])] = _number(topics[2])
        elif topic == MAPPED:
            functions[_account(topics[1]), data[:4].hex()] = _number(topics[2])
        elif topic in NEVER:
            yield f"AccessManager: has {NEVER[topic]}, which no deployment makes"
    yield from _differences("holder", members, powers["members"])
    yield from _differences("guardian", guardians, powers["guardians"])
    yield from _differences("function", functions, powers["functions"])


def _differences(what, found, wanted):
    for key in sorted({*found, *wanted}, key=str):
        if found.get(key) != wanted.get(key):
            yield f"{what} {key}: is {found.get(key)}, and should be {wanted.get(key)}"


def _number(word):
    return int.from_bytes(word, "big")


def _account(topic):
    return web3.to_checksum_address(topic[-20:])
