"""The parts of `scripts/deploy.py`: the table of powers, the steps, how they are sent, the check, the address book."""
