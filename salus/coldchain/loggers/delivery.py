"""Closed batches of a spool on their way to the chain: signed with the logger's key and logged for one shipment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from salus.errors import BadInput

if TYPE_CHECKING:
    from salus.coldchain.loggers.spool import SpoolBatch
    from salus.coldchain.shipments import ColdChain
    from salus.keys.signers import Signer

__all__ = ["Delivery"]


@dataclass(frozen=True)
class Delivery:
    """Logs what a spool hands on.

    Attributes:
        coldchain: Of the client whose signer pays.
        shipment: The shipment that the logger lies beside.
        logger: The logger's name in the topic.
        device: Signs with the logger's key.
        every: Seconds between readings, None to take them as they come.
    """

    coldchain: ColdChain
    shipment: bytes
    logger: str
    device: Signer
    every: int | None = None

    def __call__(self, batch: SpoolBatch) -> None:
        """Sign a batch and log it. What is judged already is left out: a batch that was logged before the spool heard
        of it does no harm.

        Raises:
            BadInput: It is another logger's.
        """
        if batch.logger != self.logger:
            raise BadInput(
                "--topic", batch.logger, f"is another logger than {self.logger}; listen to one logger a shipment"
            )
        export = batch.export(interval_s=self.every)
        until = self.coldchain.report(self.shipment).judgement.until
        if export.readings[-1].time >= until:
            self.coldchain.log(self.coldchain.sign_batches(export, self.shipment, self.device))
