"""Claims that their provider signs, as a wallet that only knows the prose of IClaimDesk would sign them."""

from brownie import web3
from eth_account import Account
from eth_account.messages import encode_typed_data

from tests.support.keys import key_of

# Order of secp256k1's group.
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

TYPES = {
    "EIP712Domain": "string name, string version, uint256 chainId, address verifyingContract",
    "Line": "bytes32 code, uint16 units, uint80 charge, uint80 prior",
    "Claim": "bytes32 plan, address patient, address provider, bytes32 number, uint24 serviceDay, bytes32 primary,"
    " Line[] lines",
}


def typed(desk, claim, **domain):
    """The message as eth-account signs it; `domain` changes fields of the desk's domain."""
    names = {name: [field.split() for field in fields.split(", ")] for name, fields in TYPES.items()}
    message = {name: value for (_, name), value in zip(names["Claim"], claim, strict=True)}
    message["lines"] = [
        {name: value for (_, name), value in zip(names["Line"], each, strict=True)} for each in claim.lines
    ]
    where = {"name": "Salus Claims", "version": "1", "chainId": web3.eth.chain_id, "verifyingContract": desk.address}
    return encode_typed_data(
        full_message={
            "types": {name: [{"name": n, "type": t} for t, n in fields] for name, fields in names.items()},
            "primaryType": "Claim",
            "domain": {**where, **domain},
            "message": message,
        }
    )


def sign(desk, claim, account, **domain) -> bytes:
    """The signature of an account of the node, or of a key."""
    signer = account if hasattr(account, "sign_message") else key_of(account)
    return bytes(signer.sign_message(typed(desk, claim, **domain)).signature)


def twin(signature: bytes) -> bytes:
    """The other signature of the same key over the same digest: (r, n - s) with the other v."""
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def compact(signature: bytes) -> bytes:
    """The same in 64 bytes (EIP-2098)."""
    high = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    return signature[:32] + high.to_bytes(32, "big")


def key(text: str):
    """A key that no node holds."""
    return Account.from_key(web3.keccak(text=text))
