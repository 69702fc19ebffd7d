"""The whole story on one chain: a patient's consent, claims judged and paid, vaccine shipments judged.

    make demo                        on a chain of its own (CHAIN=anvil or ganache)
    make demo RPC=<url>              on a node that is already up; KEYSTORE and PASSWORD_FILE name who pays

Everybody acts as outside the demo: the patient with the command `salus`, institutions with the Python client and the
scripts. Writes build/demo/: address book, keystores, signed orders, FHIR files, charts, report.json. The people are
invented.

One file an act, in the order of the story: `setting`, `consent`, `claims`, `shipments`, `report`. What each act uses is
in `stage` and `terminal`.
"""
