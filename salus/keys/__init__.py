"""Who signs, what exactly is signed, and where keys are kept.

Modules: ``signers`` has the signers; ``typed_data`` EIP-712 messages and the accounts that signed them; ``addresses``
an account's address, taken strictly; ``wallet`` a wallet of twelve words with one account for each relation;
``keystores`` single keystore v3 files, password files and how secrets are written to a disk.
"""
