// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Signatures} from "contracts/common/Signatures.sol";
import {IGuardians} from "interfaces/consent/IGuardians.sol";

/// @title A patient's circle: its guardians, a change of them that waits, and a recovery under way
/// @dev While a recovery runs the set does not change, so its delay is the one that the recovery began with.
library Circles {
    /// @dev See IGuardians.
    uint40 internal constant MIN_DELAY = 2 days;
    /// @dev See IGuardians.
    uint40 internal constant MAX_DELAY = 60 days;
    /// @dev See IGuardians.
    uint40 internal constant FINISH_WITHIN = 30 days;
    /// @dev The bound of every loop here.
    uint256 private constant MAX_GUARDIANS = 10;

    struct Circle {
        IGuardians.GuardianSet set;
        IGuardians.PendingSet pending;
        IGuardians.Recovery recovery;
    }

    // ---- the set -------------------------------------------------------------------------------------------------

    function checkSet(address patient, address[] calldata guardians, uint8 threshold, uint40 delay) internal pure {
        if (guardians.length > MAX_GUARDIANS) revert IGuardians.InvalidGuardians("guardians");
        address last;
        for (uint256 i; i < guardians.length; ++i) {
            if (guardians[i] <= last || guardians[i] == patient) revert IGuardians.InvalidGuardians("guardians");
            last = guardians[i];
        }
        // None at all: then nobody has to agree on anything, and the record says so.
        if (guardians.length == 0 && threshold == 0) {
            if (delay != 0) revert IGuardians.InvalidGuardians("delay");
            return;
        }
        if (threshold == 0 || threshold > guardians.length) revert IGuardians.InvalidGuardians("threshold");
        if (delay < MIN_DELAY || delay > MAX_DELAY) revert IGuardians.InvalidGuardians("delay");
    }

    /// @dev Whether a change weakens the set depends on who is honest, so every change of a set that stands waits.
    function change(
        Circle storage circle,
        address patient,
        address[] memory guardians,
        uint8 threshold,
        uint40 delay,
        uint40 issuedAt
    ) internal {
        requireIdle(circle, patient);
        uint40 last = circle.pending.readyAt == 0 ? circle.set.issuedAt : circle.pending.issuedAt;
        if (issuedAt <= last) revert IGuardians.Superseded(patient, last);
        if (circle.set.threshold == 0) {
            _set(circle, patient, guardians, threshold, delay, issuedAt);
            return;
        }

        uint40 readyAt = uint40(block.timestamp) + circle.set.delay;
        circle.pending = IGuardians.PendingSet(guardians, threshold, delay, issuedAt, readyAt);

        emit IGuardians.GuardiansProposed(patient, guardians, threshold, delay, issuedAt, readyAt);
    }

    function applyPending(Circle storage circle, address patient) internal {
        requireIdle(circle, patient);
        IGuardians.PendingSet memory pending = circle.pending;
        if (pending.readyAt == 0) revert IGuardians.NothingPending(patient);
        if (block.timestamp < pending.readyAt) revert IGuardians.NotReady(patient, pending.readyAt);

        delete circle.pending;
        _set(circle, patient, pending.guardians, pending.threshold, pending.delay, pending.issuedAt);
    }

    function _set(
        Circle storage circle,
        address patient,
        address[] memory guardians,
        uint8 threshold,
        uint40 delay,
        uint40 issuedAt
    ) private {
        IGuardians.GuardianSet storage set = circle.set;
        (set.guardians, set.threshold, set.delay, set.issuedAt) = (guardians, threshold, delay, issuedAt);
        uint32 version = ++set.version;

        emit IGuardians.GuardiansSet(patient, guardians, threshold, delay, version, issuedAt);
    }

    // ---- recovery ------------------------------------------------------------------------------------------------

    /// @dev Reverts unless enough guardians signed this.
    function requireAgreed(
        Circle storage circle,
        address patient,
        bytes32 hash,
        address[] calldata guardians,
        bytes[] calldata signatures
    ) internal view {
        IGuardians.GuardianSet memory set = circle.set;
        if (guardians.length < set.threshold || set.threshold == 0 || signatures.length != guardians.length) {
            revert IGuardians.TooFewGuardians(patient, signatures.length, set.threshold);
        }
        address[] memory keys = new address[](guardians.length);
        uint256 at;
        for (uint256 i; i < guardians.length; ++i) {
            // Both lists ascend, so one walk finds each; a duplicate or a stranger runs off the end.
            while (at < set.guardians.length && set.guardians[at] != guardians[i]) ++at;
            if (at == set.guardians.length) revert IGuardians.NotGuardian(patient, guardians[i]);
            ++at;
            if (!Signatures.signed(guardians[i], hash, signatures[i])) {
                revert IGuardians.InvalidSignature(guardians[i]);
            }
            // A wallet that takes its owner's signature as it is shows whose key it is.
            (keys[i], , ) = ECDSA.tryRecover(hash, signatures[i]);
            for (uint256 j; j < i; ++j) {
                if (keys[i] != address(0) && keys[j] == keys[i]) {
                    revert IGuardians.KeyCountedTwice(patient, keys[i]);
                }
            }
        }
    }

    function start(Circle storage circle, address patient, address successor) internal {
        requireIdle(circle, patient);

        // The signatures are used up, whatever becomes of the recovery.
        ++circle.set.version;
        uint40 readyAt = uint40(block.timestamp) + circle.set.delay;
        circle.recovery = IGuardians.Recovery(successor, readyAt, readyAt + FINISH_WITHIN);

        emit IGuardians.RecoveryStarted(patient, successor, readyAt, readyAt + FINISH_WITHIN);
    }

    /// @dev Whom the recovery under way is for; reverts when there is none.
    function running(Circle storage circle, address patient) internal view returns (address) {
        IGuardians.Recovery memory r = circle.recovery;
        if (r.successor == address(0) || block.timestamp >= r.lapsesAt) revert IGuardians.NoRecovery(patient);
        return r.successor;
    }

    /// @dev Reverts while a recovery runs.
    function requireNoneRuns(Circle storage circle, address patient) internal view {
        address successor = circle.recovery.successor;
        if (successor != address(0) && block.timestamp < circle.recovery.lapsesAt) {
            revert IGuardians.RecoveryPending(patient, successor);
        }
    }

    /// @dev The same; a recovery that has lapsed ends here.
    function requireIdle(Circle storage circle, address patient) internal {
        requireNoneRuns(circle, patient);
        IGuardians.Recovery memory r = circle.recovery;
        if (r.successor == address(0)) return;

        end(circle, patient, r.lapsesAt);

        emit IGuardians.RecoveryLapsed(patient, r.successor);
    }

    /// @dev Without a move. A change of the set that waits does so longer, by the time for which the recovery ran.
    function end(Circle storage circle, address patient, uint256 endedAt) internal {
        uint40 readyAt = circle.pending.readyAt;
        if (readyAt != 0) {
            uint40 startedAt = circle.recovery.readyAt - circle.set.delay;
            readyAt += uint40(endedAt) - startedAt;
            circle.pending.readyAt = readyAt;

            emit IGuardians.GuardiansDeferred(patient, readyAt);
        }
        delete circle.recovery;
        ++circle.set.version;
    }

    /// @dev With a move: what waited was signed by the key that the patient has lost.
    function finish(Circle storage circle, address patient) internal returns (address successor) {
        successor = running(circle, patient);
        uint40 readyAt = circle.recovery.readyAt;
        if (block.timestamp < readyAt) revert IGuardians.NotReady(patient, readyAt);

        delete circle.pending;
        delete circle.recovery;
        ++circle.set.version;
    }
}
