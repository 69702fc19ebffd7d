"""A company that makes vaccine, watches over it and gives it: one institution, so that tests need no handover."""

import datetime as dt
import secrets

from salus import errors
from salus.coldchain.loggers.devices import commit_serial
from salus.coldchain.lots import NewLot
from salus.coldchain.temperature import Bound, Profile, Rule, Span
from salus.doses.schedules import Schedule, Step

GTIN, PREFIX = "09506000134352", "9506000"
DAY = 86_400
# Half a year without readings: what is asked here is not about temperatures.
PATIENT = Profile(200, 800, 180 * DAY, 180 * DAY, (Rule(Bound.ABOVE, Span.SINGLE, 801, 30),))
SHORT = Schedule(8, (Step(30, 0, 10, 20), Step(50, 8, 9, 12), Step(0, 100, 120, 0)))


class VaccineMaker:
    """The company's client, and what it has.

    handle    its public name
    device    a logger's account, licensed and not yet registered
    """

    def __init__(self, deployed_chain, *roles):
        self.deployed_chain = deployed_chain
        self.signer, self.handle = deployed_chain.institution(
            "MANUFACTURER", "PROVIDER", "LOGGER", "LABORATORY", *roles
        )
        self.salus = deployed_chain.client(self.signer)
        self.regulator = deployed_chain.client(deployed_chain.regulator)
        self.regulator.lots.assign_prefix(PREFIX, self.handle)
        self.device = self.new_device()

    def new_device(self):
        account = self.deployed_chain.person(0).address
        self.salus.institutions.set_operator(account, ["LOGGER"], self.salus.now() + 3000 * DAY)
        return account

    def profile(self, profile=PATIENT):
        return self._once(self.regulator.lots.register_profile, profile)

    def schedule(self, schedule=SHORT):
        return self._once(self.regulator.doses.register_schedule, schedule)

    def _once(self, register, thing):
        """The id of what all tests share."""
        try:
            return register(thing)
        except (errors.ProfileExists, errors.ScheduleExists):
            return thing.id

    def lot(self, **changes):
        now = self.salus.now()
        terms = {
            "gtin": GTIN,
            "number": secrets.token_hex(8),
            "made_at": now - 30 * DAY,
            "expires_at": now + 1000 * DAY,
            "units": 100,
            "profile": self.profile(),
        }
        return self.salus.lots.register_lot(NewLot(**terms | changes))

    def shipment(self, lot, units=10):
        """A shipment of a lot with a logger beside it."""
        chain = self.salus.contract("ColdChain").functions
        opened = self.salus.send(chain.open(lot, secrets.token_bytes(32), units, 0, bytes(32), bytes(32)))
        shipment = bytes(opened.events("ShipmentOpened")[0].args["shipment"])
        device = self.new_device()
        self.salus.devices.register(device, accuracy=50, serial=commit_serial("SIM1")[0])
        self.salus.devices.calibrate(device, self.salus.now() + 2000 * DAY, bytes(32))
        self.salus.send(chain.pair(shipment, device, self.salus.now(), 2**40 - 1, 0))
        return shipment

    def recall(self, lot, reason=7):
        self.salus.send(self.salus.contract("ColdChain").functions.recall(lot, reason))

    def days_ago(self, days):
        return self.salus.doses.today() - dt.timedelta(days=days)
