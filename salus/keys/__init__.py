"""Who signs, what exactly is signed, and where keys are kept.

Modules: ``signers`` has the signers; ``typed_data`` EIP-712 messages and the accounts that signed them; ``addresses``
an account's address, taken strictly; ``wallet`` a wallet with one account for each relation, ``paths`` which account
that is, ``phrases`` the words, ``vault`` and ``vault_file`` the encrypted file, ``search`` how a restored wallet finds
its relations, ``agent`` what answers for a time without the password; ``keystores`` single keystore v3 files, password
files and how secrets are written to a disk; ``passwords`` the forms that one password has.
"""
