"""Wallets of version 1: the file as it was written then, a number for each relation; scrypt at a cheap cost."""

import json

#: The words of all of them.
WORDS = "test test test test test test test test test test test junk"
#: The relations of all of them, with the accounts that they had.
ACCOUNTS = {
    "default": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "city-hospital": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "hill-clinic": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
}

#: Salt, nonce and ciphertext by the password that was typed.
FILES = {
    "correct horse": (
        "b004a5101e87e393aa973ed9a9a1a742b8a69a2c060035f2c031182945832acb",
        "bb233f45750dc257738fcbcc",
        "81ecb16cfeafbd894066c6b01f433963e8a15965bac35afa5e1f73ee38575f3a7ca728d1aa803d2e4463096f51eb12f0e53cf02bb9a5e4"
        "e2dd22a70391b9ff8d403fbb40c020972ab2fb6b94f393bf765e428c200af24dbf599b8894f1588766dc1bc24b7940b0417c9577b20baa"
        "676013493da3c9156ef97aa690d4eaebbdf22cd1258f7008a2ce24fd2ef2443fdef7d94e602eaadd6e16a3f0b9",
    ),
    # é as one character.
    "caf\u00e9": (
        "eb537246e336d1ba149228f34ee4aef57c0b09ea29e6f4a9f82c978a7acb878d",
        "b527bebc6a63c9cb2c9996cf",
        "51c88974a0133c350cf381facab6f9d4a8f476858a45c0f75d7f7fb4fdd1a17870eb52b7ebd97e3131cca390a1d09d9e291b843114000090"
        "de8914971f71e693b92ddce54ac03173fdeb26a3def9513bc58107543d56eb74409b7dedb05e85c53cf984b882a9fb5bc5b8f019c9c00e73"
        "e7bd9eff1c237982e0afcdf9f67bae20daa058fd7509f6ef19bc0afceeefd65918b1dfaec3aaa5cfb298d0",
    ),
    # From a password file with a mark at its start.
    "\ufeffcorrect horse": (
        "b1c239ee5e030f4b921dd38bb1ea1f148b3ca214574de7d453c8f1893914cb2e",
        "28e4f58743e5da01f8da0e05",
        "6fd1ed6230909d8dc5efe9cf9bda6ddd5d261218e16e84b545bbeb936b0c056adecf84d04aef83432bdb53a4a1e747da59e9d3c31cfb3ca3"
        "84b5d03950b42d99455a9384ba0111a5e4dbdc507794f2ee2044383624351704c33cf47c4cf65fcb7fc7d89a96ecfeb958400d2454419424"
        "e671d073fdf6c5c467b26615b11e96521d95fb8e7b62d780e2e0665f2b3a1532ed3393bec4907f3a1f9f2d",
    ),
}


def write_old_wallet(folder, password="correct horse"):
    """Write such a wallet into a folder, and return the folder."""
    salt, nonce, ciphertext = FILES[password]
    kdf = {"name": "scrypt", "n": 4096, "r": 8, "p": 1, "salt": salt}
    document = {"salus": "wallet", "version": 1, "kdf": kdf, "nonce": nonce, "ciphertext": ciphertext}
    folder.mkdir(mode=0o700, parents=True)
    file = folder / "vault.json"
    file.write_text(json.dumps(document))
    file.chmod(0o600)
    return folder
