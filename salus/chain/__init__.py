"""One node, one address book, and transactions; nothing here knows a resource.

Modules: ``ledger`` is what every resource is built with; ``book`` the address book; ``receipts`` what came of a
transaction; ``events`` past events, from the index and from the node; ``transactions`` sending one; ``clock`` waiting
for block time; ``connection`` a node's address; ``provider`` the connection under web3; ``json_rpc`` many questions in
few messages; ``local_node`` runs a local chain for development and tests.
"""
