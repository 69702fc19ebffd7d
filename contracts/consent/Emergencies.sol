// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ids} from "contracts/common/Ids.sol";
import {ConsentCodes} from "contracts/consent/ConsentCodes.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IAccessLog} from "interfaces/consent/IAccessLog.sol";

/// @title Declared emergencies: what is kept of them, what they open, and when a second clinician is needed
library Emergencies {
    /// @dev See IAccessLog.
    uint40 internal constant COOL_DOWN = 90 days;
    /// @dev See IAccessLog.
    uint32 internal constant MOST_UNREVIEWED = 10;
    /// @dev How many declarations of a pair `latestOpening` looks at: the bound of its loop.
    uint32 private constant LOOKED_AT = 8;

    /// @dev What an emergency is for.
    uint32 private constant CARE = ConsentCodes.TREAT | ConsentCodes.ETREAT;
    /// @dev Whose staff it is for.
    uint32 private constant CARERS = Roles.PROVIDER | Roles.PHARMACY;
    uint56 private constant LABELS =
        ConsentCodes.ETH |
            ConsentCodes.ETHUD |
            ConsentCodes.OPIOIDUD |
            ConsentCodes.PSY |
            ConsentCodes.SDV |
            ConsentCodes.HIV;
    /// @dev The record classes that have a number.
    uint56 private constant CLASSES = (ConsentCodes.APPOINTMENT << 1) - 1;

    /// @dev What a use asks for comes first, in one slot.
    struct Declaration {
        uint40 declaredAt;
        uint40 until;
        uint40 reviewedAt;
        uint56 categories;
        uint32 number;
        IAccessLog.Cause cause;
        IAccessLog.Outcome outcome;
        address patient;
        address institution;
        address clinician;
        address second;
    }

    /// @param count of a pair's declarations, or of a clinician's that wait for their review
    /// @param coolUntil first second after the cool-down
    struct Tally {
        uint32 count;
        uint40 coolUntil;
    }

    struct Book {
        mapping(bytes32 id => Declaration) declarations;
        mapping(address patient => mapping(address institution => Tally)) pairs;
        mapping(address clinician => Tally) clinicians;
    }

    // ---- acting --------------------------------------------------------------------------------------------------

    /// @param categories at least one record class, and nothing that has no meaning
    function isScope(uint56 categories) internal pure returns (bool) {
        uint56 classes = categories & ConsentCodes.ALL_RECORDS;
        bool known = classes & ~CLASSES == 0 || classes == ConsentCodes.ALL_RECORDS;
        return classes != 0 && known && categories & ~(ConsentCodes.ALL_RECORDS | LABELS) == 0;
    }

    /// @return id of a new declaration of the caller's
    function declare(
        Book storage book,
        address patient,
        address institution,
        address second,
        IAccessLog.Cause cause,
        uint56 categories,
        uint40 until
    ) internal returns (bytes32 id) {
        uint32 number = ++book.pairs[patient][institution].count;
        ++book.clinicians[msg.sender].count;
        id = Ids.emergency(patient, institution, number);
        book.declarations[id] = Declaration({
            declaredAt: uint40(block.timestamp),
            until: until,
            reviewedAt: 0,
            categories: categories,
            number: number,
            cause: cause,
            outcome: IAccessLog.Outcome.Open,
            patient: patient,
            institution: institution,
            clinician: msg.sender,
            second: second
        });

        emit IAccessLog.EmergencyDeclared(
            id,
            patient,
            institution,
            number,
            msg.sender,
            second,
            cause,
            categories,
            until
        );
    }

    /// @param house institution that the caller, a reviewer, acts for; 0 for none
    function review(Book storage book, bytes32 id, IAccessLog.Outcome outcome, address house) internal {
        Declaration storage d = book.declarations[id];
        if (d.declaredAt == 0) revert IAccessLog.UnknownEmergency(id);
        if (d.outcome != IAccessLog.Outcome.Open) revert IAccessLog.AlreadyReviewed(id, d.outcome);
        if (outcome == IAccessLog.Outcome.Open) revert IAccessLog.InvalidEmergency("outcome");
        (address institution, address clinician, address second) = (d.institution, d.clinician, d.second);
        // The accounts too: who declared it may have left the house since.
        if (house == institution || msg.sender == clinician || msg.sender == second) {
            revert IAccessLog.ReviewerOfHouse(msg.sender, institution);
        }

        (d.outcome, d.reviewedAt) = (outcome, uint40(block.timestamp));
        --book.clinicians[clinician].count;
        if (outcome == IAccessLog.Outcome.Unjustified) {
            uint40 coolUntil = uint40(block.timestamp) + COOL_DOWN;
            // The pair as well: the house has other staff.
            book.pairs[d.patient][institution].coolUntil = coolUntil;
            book.clinicians[clinician].coolUntil = coolUntil;
            if (second != address(0)) book.clinicians[second].coolUntil = coolUntil;
        }

        emit IAccessLog.EmergencyReviewed(id, msg.sender, outcome);
    }

    // ---- asking --------------------------------------------------------------------------------------------------

    /// @dev Why a declaration does not open this; the patient's word on emergencies comes after it.
    /// @param roles of who uses the data
    /// @param at when, Unix seconds
    function refusalOf(
        Book storage book,
        bytes32 id,
        uint32 roles,
        uint32 purpose,
        uint56 categories,
        uint256 at
    ) internal view returns (IAccessLog.Refusal) {
        Declaration storage d = book.declarations[id];
        if (d.declaredAt == 0) return IAccessLog.Refusal.UnknownEmergency;
        if (at < d.declaredAt || at >= d.until) return IAccessLog.Refusal.NotRunning;
        if (d.outcome == IAccessLog.Outcome.Unjustified && at >= d.reviewedAt) {
            return IAccessLog.Refusal.FoundUnjustified;
        }
        if (purpose & ~CARE != 0 || roles & CARERS == 0) return IAccessLog.Refusal.NotCare;
        return categories & ~d.categories != 0 ? IAccessLog.Refusal.OutOfScope : IAccessLog.Refusal.None;
    }

    /// @return number of the latest declaration of the pair that opens this now, 0 when none of the last ones does
    function latestOpening(
        Book storage book,
        address patient,
        address institution,
        uint32 roles,
        uint32 purpose,
        uint56 categories
    ) internal view returns (uint32 number) {
        number = book.pairs[patient][institution].count;
        uint32 least = number > LOOKED_AT ? number - LOOKED_AT : 0;
        for (; number > least; --number) {
            bytes32 id = Ids.emergency(patient, institution, number);
            if (refusalOf(book, id, roles, purpose, categories, block.timestamp) == IAccessLog.Refusal.None) {
                return number;
            }
        }
        return 0;
    }

    function needsSecond(
        Book storage book,
        address patient,
        address institution,
        address clinician
    ) internal view returns (bool) {
        Tally memory own = book.clinicians[clinician];
        return
            own.count >= MOST_UNREVIEWED ||
            block.timestamp < own.coolUntil ||
            block.timestamp < book.pairs[patient][institution].coolUntil;
    }

    /// @dev Whether a clinician's own declaration was found unjustified lately.
    function isCooling(Book storage book, address clinician) internal view returns (bool) {
        return block.timestamp < book.clinicians[clinician].coolUntil;
    }

    function load(Book storage book, bytes32 id) internal view returns (IAccessLog.Emergency memory) {
        Declaration memory d = book.declarations[id];
        return
            IAccessLog.Emergency({
                patient: d.patient,
                institution: d.institution,
                clinician: d.clinician,
                second: d.second,
                number: d.number,
                categories: d.categories,
                declaredAt: d.declaredAt,
                until: d.until,
                reviewedAt: d.reviewedAt,
                cause: d.cause,
                outcome: d.outcome
            });
    }
}
