"""One node, one address book, and transactions; nothing here knows a resource.

Modules, from the ground up: ``connection`` a node's address; ``transport`` how a message goes to it; ``rpc`` one
message of JSON-RPC; ``node`` one node, asked with patience; ``provider`` the same for web3; ``local_node`` runs a local
chain for development and tests; ``local_deployment`` deploys on one; ``book`` the address book; ``contracts`` calls of
contracts; ``receipts`` what came of a transaction; ``events`` past events, from the index and from the node;
``transactions`` sending one; ``clock`` waiting for block time; ``ledger`` what every resource is built with; ``checks``
what `salus doctor` asks of these.
"""
