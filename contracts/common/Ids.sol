// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Every id of the house: a hash of what makes the thing unique
/// @notice Two parties who know the same facts compute the same id, before or without asking the chain.
/// @dev The first word names the kind, so that an id of one kind is never one of another. All fields are words of fixed
/// length: no two lists of fields encode alike.
library Ids {
    bytes32 internal constant PLAN = keccak256("salus.plan");
    bytes32 internal constant CLAIM = keccak256("salus.claim");
    bytes32 internal constant LOT = keccak256("salus.lot");
    bytes32 internal constant SHIPMENT = keccak256("salus.shipment");
    bytes32 internal constant PROFILE = keccak256("salus.profile");
    bytes32 internal constant SCHEDULE = keccak256("salus.schedule");
    bytes32 internal constant DOSE = keccak256("salus.dose");
    bytes32 internal constant EMERGENCY = keccak256("salus.emergency");

    /// @param insurer the institution that owes
    /// @param document commitment to the plan's file
    /// @return the id of a new series of versions: its lowest 32 bits, where a version has its number, are 0
    function plan(address insurer, bytes32 document) internal pure returns (bytes32) {
        return series(keccak256(abi.encode(PLAN, insurer, document)));
    }

    /// @param planId a version of the series, or the series itself
    function series(bytes32 planId) internal pure returns (bytes32) {
        return (planId >> 32) << 32;
    }

    /// @param seriesId see `plan`
    /// @param number from 1
    function version(bytes32 seriesId, uint32 number) internal pure returns (bytes32) {
        return seriesId | bytes32(uint256(number));
    }

    /// @param provider the institution that did the work
    /// @param number commitment to the provider's own claim number
    function claim(address provider, bytes32 number) internal pure returns (bytes32 id) {
        (bytes32 kind, bytes32 said) = (CLAIM, number);
        // keccak256(abi.encode(CLAIM, provider, number)) beyond the free memory, which stays free: 80 gas less, once a
        // claim.
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, kind)
            mstore(add(at, 0x20), provider)
            mstore(add(at, 0x40), said)
            id := keccak256(at, 0x60)
        }
    }

    /// @dev Both are printed on the box: whoever scans it can ask without knowing who made it. Whose GTIN it is, ILots
    /// checks.
    /// @param gtin GS1 trade item number, 14 digits
    /// @param number lot number, see ILots
    function lot(uint64 gtin, bytes32 number) internal pure returns (bytes32) {
        return keccak256(abi.encode(LOT, gtin, number));
    }

    /// @param lotId the lot that it carries
    /// @param holder the institution that opens it
    /// @param ref the holder's own reference
    function shipment(bytes32 lotId, address holder, bytes32 ref) internal pure returns (bytes32) {
        return keccak256(abi.encode(SHIPMENT, lotId, holder, ref));
    }

    /// @param encoded hash of the ABI-encoded temperature profile
    function profile(bytes32 encoded) internal pure returns (bytes32) {
        return keccak256(abi.encode(PROFILE, encoded));
    }

    /// @param encoded hash of the ABI-encoded vaccine and steps
    function schedule(bytes32 encoded) internal pure returns (bytes32) {
        return keccak256(abi.encode(SCHEDULE, encoded));
    }

    /// @param patient pseudonym
    /// @param scheduleId its schedule
    /// @param number how many doses of it were recorded for the patient before, voided ones included
    function dose(address patient, bytes32 scheduleId, uint32 number) internal pure returns (bytes32) {
        return keccak256(abi.encode(DOSE, patient, scheduleId, number));
    }

    /// @param patient whose data
    /// @param institution who opens it
    /// @param number of the pair's declarations, from 1
    function emergency(address patient, address institution, uint32 number) internal pure returns (bytes32 id) {
        (bytes32 kind, uint256 place) = (EMERGENCY, number);
        // keccak256(abi.encode(EMERGENCY, patient, institution, number)) beyond the free memory, which stays free: once
        // for each use in a batch.
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, kind)
            mstore(add(at, 0x20), patient)
            mstore(add(at, 0x40), institution)
            mstore(add(at, 0x60), place)
            id := keccak256(at, 0x80)
        }
    }
}
