"""The contracts' ABIs and their codec; nothing here knows a node, a noun or an error of the tree.

Modules: ``decoding`` loads the ABIs and decodes calls, events and errors; ``fast_decode`` and ``fast_encode`` are its
fast paths; ``bits`` names the bits of roles, purposes and categories; ``terms`` packs a consent directive's terms. The
``*.json`` files are the ABIs, which ``scripts/export.py`` takes from the build.
"""
