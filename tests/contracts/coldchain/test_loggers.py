"""Devices, their calibration, and whose signature a file bears (interfaces/coldchain/ILoggers.sol).

given a device
    when the caller is no owner of loggers                                  it is refused: NotLicensed
    when the account is not licensed as a logger of the caller's            it is refused: NotADevice
    when it is registered already, or its model is not known                DeviceExists, UnknownModel
    when it is registered                                                   it is kept and told, in service, never
    calibrated
given its calibration
    when who states it is no laboratory                                     NotLicensed
    when it ends in the past, or after the year 2105                        InvalidCalibration
    when it is stated                                                       it replaces the one before, be it longer or
    shorter
given its condition
    when somebody else's, unknown, ended, or no news                        NotOwner, UnknownDevice, InvalidCondition
    when it was lost                                                        it may be found
given a model
    when its key is not on the curve                                        InvalidKey
    when it is accredited                                                   files of its makers are proven, real ones
    too when it is distrusted                                                   no further file is
given a file
    when it was edited, or the signature is another's, or malleable         InvalidFileSignature
    when it is proven a second time                                         nothing happens
"""

import brownie
import pytest

from tests.conftest import LABORATORY, LOGGER
from tests.support.boundary_time import PASSED, at, now, refusal
from tests.support.errors import error
from tests.support.logger_makers import ORDER, Maker, hex32
from tests.support.shared_data import shared

FOR_EVER = 2**40 - 1
END_OF_2105 = 4_291_747_199
NOBODY = "0x" + "00" * 20
UNKNOWN, OUT_OF_ROLE, SUSPENDED = 0, 2, 4
NONE, IN_SERVICE, LOST, REPLACED, RETIRED = range(5)
FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
SERIAL = b"\x51" * 32
CERTIFICATE = b"\xce" * 32
DEVICES = [f"0x{0xDE71CE00000000 + n:040x}" for n in range(3)]
NAME = b"a model".ljust(32, b"\0")


MAKER, OTHER = Maker(7), Maker(8)
FILE = b"\xf1" * 32


@pytest.fixture(scope="module")
def device(institutions, logger):
    """An account that is licensed as a logger of its owner."""
    for account in DEVICES:
        institutions.setOperator(account, LOGGER, FOR_EVER, {"from": logger})
    return DEVICES[0]


@pytest.fixture(scope="module")
def model(loggers, regulator):
    tx = loggers.accreditModel(NAME, MAKER.x, MAKER.y, {"from": regulator})
    return tx.events["ModelAccredited"]["model"]


@pytest.fixture
def registered(loggers, device, model, logger):
    """Registers devices of the owner."""

    def register(account=device, number=0):
        return loggers.register(account, number, 50, SERIAL, {"from": logger})

    register()
    return register


@pytest.fixture
def registering(loggers, device, logger):
    """How a registration would be refused, one thing changed."""
    return lambda account=device, number=0, by=logger: refusal(loggers.register, account, number, 50, SERIAL, sender=by)


# ---- devices ---------------------------------------------------------------------------------------------------------


def test_TT7_only_an_owner_of_loggers_registers_one(registering, stranger, carrier, people, institutions):
    assert registering(by=stranger) == error("NotLicensed", stranger, LOGGER, UNKNOWN)
    assert registering(by=carrier) == error("NotLicensed", carrier, LOGGER, OUT_OF_ROLE)
    institutions.suspend(people.logger, {"from": people.regulator})
    assert registering() == error("NotLicensed", people.logger, LOGGER, SUSPENDED)


def test_TT7_what_is_registered_is_licensed_as_a_logger_of_the_owner(
    registering, institutions, people, stranger, device
):
    assert registering(stranger.address) == error("NotADevice", stranger)
    # Another owner's device.
    institutions.renew(people.carrier, LOGGER, FOR_EVER, {"from": people.regulator})
    assert registering(by=people.carrier) == error("NotADevice", device)
    # An operator of the owner's in another role.
    institutions.renew(people.logger, LOGGER | LABORATORY, FOR_EVER, {"from": people.regulator})
    institutions.setOperator(stranger, LABORATORY, FOR_EVER, {"from": people.logger})
    assert registering(stranger.address) == error("NotADevice", stranger)
    institutions.setOperator(stranger, LABORATORY | LOGGER, FOR_EVER, {"from": people.logger})
    assert registering(stranger.address) is PASSED


def test_the_owners_own_account_may_be_a_device(registering, logger):
    assert registering(logger.address) is PASSED


def test_an_operator_registers_for_the_owner(registering, institutions, logger, stranger):
    institutions.setOperator(stranger, LOGGER, FOR_EVER, {"from": logger})
    assert registering(by=stranger) is PASSED


def test_TT1_a_device_is_registered_once(registering, registered, device):
    assert registering() == error("DeviceExists", device)


def test_a_model_must_be_known(registering, model):
    assert registering(number=model) is PASSED
    assert registering(number=model + 1) == error("UnknownModel", model + 1)


def test_a_device_is_kept_and_told(loggers, device, model, logger):
    tx = loggers.register(device, model, 50, SERIAL, {"from": logger})
    assert [dict(event) for event in tx.events] == [
        {
            "device": device,
            "owner": logger,
            "model": model,
            "accuracy": 50,
            "serial": "0x" + SERIAL.hex(),
        }
    ]
    assert tuple(loggers.device(device)) == (logger, model, 50, 0, IN_SERVICE, tx.timestamp)


def test_an_unknown_device_is_empty(loggers, stranger):
    assert tuple(loggers.device(stranger)) == (NOBODY, 0, 0, 0, NONE, 0)


# ---- calibration -----------------------------------------------------------------------------------------------------


@pytest.fixture
def calibrating(loggers, laboratory, registered):
    def ask(until, account=DEVICES[0], by=laboratory):
        return refusal(loggers.calibrate, account, until, CERTIFICATE, sender=by)

    return ask


def test_TT7_a_laboratory_calibrates_and_the_owner_does_not(calibrating, logger):
    assert calibrating(FOR_EVER, by=logger) == error("NotLicensed", logger, LABORATORY, OUT_OF_ROLE)


def test_an_unknown_device_is_not_calibrated(calibrating):
    assert calibrating(END_OF_2105, DEVICES[1]) == error("UnknownDevice", DEVICES[1])


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_TC8_a_calibration_ends_in_the_future(calibrating, later):
    second = now() + 100
    at(second)
    assert calibrating(second + later) == (PASSED if later == 1 else error("InvalidCalibration", second + later))


@pytest.mark.parametrize(("until", "sound"), [(END_OF_2105, True), (END_OF_2105 + 1, False), (FOR_EVER, False)])
def test_TC8_a_calibration_ends_before_the_year_2106(calibrating, until, sound):
    assert calibrating(until) == (PASSED if sound else error("InvalidCalibration", until))


def test_a_calibration_replaces_the_one_before(loggers, registered, device, laboratory):
    for days in (365, 700, 30):
        until = now() + days * 86_400
        tx = loggers.calibrate(device, until, CERTIFICATE, {"from": laboratory})
        assert [dict(event) for event in tx.events] == [
            {"device": device, "laboratory": laboratory, "until": until, "certificate": "0x" + CERTIFICATE.hex()}
        ]
        assert loggers.device(device)[3] == until


# ---- condition -------------------------------------------------------------------------------------------------------


@pytest.fixture
def setting(loggers, logger, registered):
    """How news of a device would be refused."""

    def ask(condition, successor=NOBODY, account=DEVICES[0], by=logger):
        return refusal(loggers.setCondition, account, condition, successor, sender=by)

    return ask


def test_TT7_only_the_owner_says_what_became_of_a_device(setting, institutions, people):
    assert setting(LOST, by=people.stranger) == error("NotLicensed", people.stranger, LOGGER, UNKNOWN)
    institutions.renew(people.carrier, LOGGER, FOR_EVER, {"from": people.regulator})
    assert setting(LOST, by=people.carrier) == error("NotOwner", DEVICES[0], people.carrier)
    assert setting(LOST, account=DEVICES[1]) == error("UnknownDevice", DEVICES[1])


@pytest.mark.parametrize("before", [IN_SERVICE, LOST, REPLACED, RETIRED])
@pytest.mark.parametrize("after", [NONE, IN_SERVICE, LOST, REPLACED, RETIRED])
def test_TT2_what_follows_upon_what(loggers, setting, registered, logger, before, after):
    """What was lost may be found; nothing comes back from the dead; the same again is no news."""
    registered(DEVICES[1])
    successor = {REPLACED: DEVICES[1]}
    if before != IN_SERVICE:
        loggers.setCondition(DEVICES[0], before, successor.get(before, NOBODY), {"from": logger})
    sound = before in (IN_SERVICE, LOST) and after not in (NONE, before)
    expected = PASSED if sound else error("InvalidCondition", DEVICES[0], after)
    assert setting(after, successor.get(after, NOBODY)) == expected


@pytest.mark.parametrize("condition", [LOST, RETIRED])
def test_only_what_is_replaced_has_a_successor(setting, registered, condition):
    registered(DEVICES[1])
    assert setting(condition, DEVICES[1]) == error("InvalidCondition", DEVICES[0], condition)


def test_a_successor_is_another_device_of_the_owner_in_service(loggers, setting, registered, institutions, people):
    refused = error("InvalidCondition", DEVICES[0], REPLACED)
    assert setting(REPLACED) == error("UnknownDevice", NOBODY)
    assert setting(REPLACED, DEVICES[1]) == error("UnknownDevice", DEVICES[1])
    assert setting(REPLACED, DEVICES[0]) == refused
    registered(DEVICES[1])
    assert setting(REPLACED, DEVICES[1]) is PASSED
    loggers.setCondition(DEVICES[1], LOST, NOBODY, {"from": people.logger})
    assert setting(REPLACED, DEVICES[1]) == refused
    institutions.renew(people.carrier, LOGGER, FOR_EVER, {"from": people.regulator})
    loggers.register(people.carrier, 0, 50, SERIAL, {"from": people.carrier})
    assert setting(REPLACED, people.carrier.address) == error("NotOwner", people.carrier, people.logger)


def test_a_condition_is_kept_and_told(loggers, registered, device, logger):
    registered(DEVICES[1])
    tx = loggers.setCondition(device, REPLACED, DEVICES[1], {"from": logger})
    assert [dict(event) for event in tx.events] == [
        {"device": device, "condition": REPLACED, "successor": brownie.web3.to_checksum_address(DEVICES[1])}
    ]
    assert tuple(loggers.device(device))[4:] == (REPLACED, tx.timestamp)


# ---- models ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("0x" + "00" * 32, "0x" + "00" * 32),
        (MAKER.x, OTHER.y),
        (MAKER.x, hex32(int(MAKER.y, 16) ^ 1)),
        (MAKER.y, MAKER.x),
        (hex32(FIELD), hex32(FIELD)),
        (hex32(5), hex32(2**256 - 1)),
    ],
    ids=["zeros", "two keys", "one bit", "swapped", "the field", "beyond the field"],
)
def test_TR4_a_key_is_a_point_of_the_curve(loggers, regulator, x, y):
    assert refusal(loggers.accreditModel, NAME, x, y, sender=regulator) == error("InvalidKey", x, y)


def test_a_coordinate_is_below_the_field(loggers, regulator):
    """x and x + p are one point; only one way of writing it is a key. Only a small x leaves room for the other one."""
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    x = 5
    square = (x**3 - 3 * x + b) % FIELD
    y = pow(square, (FIELD + 1) // 4, FIELD)
    assert y * y % FIELD == square
    assert refusal(loggers.accreditModel, NAME, hex32(x), hex32(y), sender=regulator) is PASSED
    twin = hex32(x + FIELD), hex32(y)
    assert refusal(loggers.accreditModel, NAME, *twin, sender=regulator) == error("InvalidKey", *twin)


def test_models_are_numbered_from_1_kept_and_told(loggers, model, regulator):
    assert model == 1
    for number, maker in enumerate((OTHER, MAKER), 2):
        tx = loggers.accreditModel(NAME, maker.x, maker.y, {"from": regulator})
        assert tx.return_value == number
        assert [dict(event) for event in tx.events] == [
            {"model": number, "name": "0x" + NAME.hex(), "x": maker.x, "y": maker.y}
        ]
        assert tuple(map(str, loggers.model(number))) == (maker.x, maker.y, "0x" + NAME.hex(), "True")
    assert not loggers.model(4)[3] and not loggers.model(0)[3]


def test_a_model_is_distrusted_once(loggers, regulator, model):
    for number in (0, model + 1):
        assert refusal(loggers.distrustModel, number, sender=regulator) == error("UnknownModel", number)
    tx = loggers.distrustModel(model, {"from": regulator})
    assert [dict(event) for event in tx.events] == [{"model": model}]
    assert not loggers.model(model)[3]
    assert refusal(loggers.distrustModel, model, sender=regulator) == error("ModelNotTrusted", model)


# ---- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def proving(loggers, model, stranger):
    """How a proof would be refused, one thing changed."""

    def ask(file=FILE, number=model, signature=MAKER.sign(FILE)):
        return refusal(loggers.proveFile, file, number, *signature, sender=stranger)

    return ask


def test_a_makers_file_is_proven_by_anyone(loggers, model, stranger):
    tx = loggers.proveFile(FILE, model, *MAKER.sign(FILE), {"from": stranger})
    assert [dict(event) for event in tx.events] == [{"file": "0x" + FILE.hex(), "model": model}]
    assert loggers.provenBy(FILE) == model
    assert loggers.provenBy(b"\1" * 32) == 0


def test_TP10_a_proof_that_comes_second_does_nothing(loggers, model, stranger):
    """Whoever is overtaken has what it wanted."""
    loggers.proveFile(FILE, model, *MAKER.sign(FILE), {"from": stranger})
    tx = loggers.proveFile(FILE, model, *MAKER.sign(FILE), {"from": stranger})
    assert len(tx.events) == 0 and tx.gas_used < 40_000
    assert loggers.provenBy(FILE) == model


def test_a_file_that_two_makers_signed_is_the_last_ones(loggers, model, regulator, stranger):
    """A maker that signs another's file keeps nobody from proving it."""
    second = loggers.accreditModel(NAME, OTHER.x, OTHER.y, {"from": regulator}).return_value
    for number, maker in ((second, OTHER), (model, MAKER)):
        loggers.proveFile(FILE, number, *maker.sign(FILE), {"from": stranger})
        assert loggers.provenBy(FILE) == number


def test_another_files_signature_is_refused(proving, model):
    refused = error("InvalidFileSignature", FILE, model)
    assert proving(signature=MAKER.sign(b"\xf2" * 32)) == refused
    assert proving(signature=OTHER.sign(FILE)) == refused


@pytest.mark.parametrize("bit", [0, 7, 128, 255])
def test_every_bit_of_file_and_signature_counts(proving, model, bit):
    r, s = MAKER.sign(FILE)
    flipped = (int.from_bytes(FILE) ^ 1 << bit).to_bytes(32)
    assert proving(flipped) == error("InvalidFileSignature", flipped, model)
    refused = error("InvalidFileSignature", FILE, model)
    assert proving(signature=(hex32(int(r, 16) ^ 1 << bit), s)) == refused
    assert proving(signature=(r, hex32(int(s, 16) ^ 1 << bit))) == refused


def test_TC5_the_twin_of_a_signature_is_refused(proving, model):
    r, s = MAKER.sign(FILE)
    assert proving(signature=(r, s)) is PASSED
    assert proving(signature=(r, hex32(ORDER - int(s, 16)))) == error("InvalidFileSignature", FILE, model)


@pytest.mark.parametrize(("r", "s"), [(0, 0), (0, 1), (1, 0), (ORDER, 1), (1, ORDER), (2**256 - 1, 2**256 - 1)])
def test_TC5_numbers_that_no_signature_has_are_refused(proving, model, r, s):
    assert proving(signature=(hex32(r), hex32(s))) == error("InvalidFileSignature", FILE, model)


def test_only_an_accredited_model_proves(proving, model):
    for number in (0, model + 1):
        assert proving(number=number) == error("UnknownModel", number)


def test_TP8_a_distrusted_model_proves_nothing_more(loggers, proving, model, regulator, stranger):
    loggers.proveFile(FILE, model, *MAKER.sign(FILE), {"from": stranger})
    loggers.distrustModel(model, {"from": regulator})
    assert loggers.provenBy(FILE) == model  # what was proven stays
    other = b"\xf2" * 32
    assert proving(other, signature=MAKER.sign(other)) == error("ModelNotTrusted", model)
    assert proving() == error("ModelNotTrusted", model)


# ---- real files ------------------------------------------------------------------------------------------------------

FOLDER = "temperature-loggers"
REAL = [
    "fridge-tag-2_130400191542.txt",
    "fridge-tag-2_130400191544.txt",
    "fridge-tag-ul_100800001215.txt",
    "q-tag-clm_RCPJ00010_02.txt",
]


def signed_file(name):
    """What the contract takes of an export: the digest, x and y of the key, r and s; all of it written anew here."""
    from hashlib import sha256

    content = shared(FOLDER, name).read_bytes()
    message, signature = content.rsplit(b"Sig: ", 1)
    message = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    key = bytes.fromhex(message.split(b"Public Key: ")[1].split()[0].decode())
    signature = bytes.fromhex(signature.strip().decode())
    x, y, r, s = (int.from_bytes(part[at : at + 32], "little") for part in (key, signature) for at in (0, 32))
    return sha256(message).digest()[::-1], (hex32(x), hex32(y)), (hex32(r), hex32(min(s, ORDER - s)))


@pytest.mark.parametrize("name", REAL)
def test_a_real_export_is_proven(loggers, regulator, stranger, name):
    digest, key, signature = signed_file(name)
    number = loggers.accreditModel(NAME, *key, {"from": regulator}).return_value
    tx = loggers.proveFile(digest, number, *signature, {"from": stranger})
    assert loggers.provenBy(digest) == number
    # In Solidity: this chain has no precompile for it.
    assert 280_000 < tx.gas_used < 340_000


def test_an_export_that_was_edited_is_refused(loggers, regulator, stranger):
    digest, key, signature = signed_file("fridge-tag-2l_edited.txt")
    number = loggers.accreditModel(NAME, *key, {"from": regulator}).return_value
    refused = refusal(loggers.proveFile, digest, number, *signature, sender=stranger)
    assert refused == error("InvalidFileSignature", digest, number)


def test_two_units_share_a_key(loggers, regulator, stranger):
    """What a proof is not: it names the model, never the unit."""
    first, second = signed_file(REAL[0]), signed_file(REAL[1])
    assert first[1] == second[1] and first[0] != second[0]
    number = loggers.accreditModel(NAME, *first[1], {"from": regulator}).return_value
    for digest, _, signature in (first, second):
        assert refusal(loggers.proveFile, digest, number, *signature, sender=stranger) is PASSED
