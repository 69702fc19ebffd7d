// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IColdChain} from "interfaces/coldchain/IColdChain.sol";

/// @title How shipments and lots are kept: each act reads and writes as few words as it can
/// @dev Packed by hand, because the compiler writes a packed struct field by field, at 200 gas each. From the lowest bit:
/// custody   holder 160, units 24, lot 24, due 22, since 26: all that a handover writes
/// course    until 32, intactUntil 32, batches 24, readings 32, disposition 3, flags 3, free 2, chain 128: all that every batch writes
/// sums      lowest 16, highest 16, above 32, below 32, unknown 32, breached 16, breachedAt 32, restarted 32: seldom written
/// pairing   from 32, to 32, model 16, lot 24, floor 16, ceiling 16, silence 32, unknown 32: a batch in range needs no more of its lot
library Parcels {
    /// @param course 0 until anything but custody is known of it
    /// @param sums 0: no reading, nothing unknown
    /// @param runs see IColdChain.Report, 32 bits each, rule 0 lowest; the topmost bit says that the run which breached a single rule is over
    /// @param window of the mean kinetic temperature: when it opened 32, its sum of weights; good while `WINDOW` is set
    struct Parcel {
        uint256 custody;
        uint256 course;
        uint256 sums;
        uint256 runs;
        uint256 window;
    }

    /// @dev A lot as this contract keeps it, from its first shipment or its recall on, under a short number.
    /// @param maker what a handover asks: manufacturer 160, units left 32, expiry 32, recall 16
    /// @param limits ILots.Packed.limits, and from bit 200 when it was made, 32
    /// @param rules ILots.Packed.rules
    struct Goods {
        uint256 maker;
        uint256 limits;
        uint256 rules;
        bytes32 lot;
    }

    /// @dev A single rule is being hit: a reading in range ends its run.
    uint256 internal constant RUNNING = 1;
    uint256 internal constant WINDOW = 2;
    /// @dev A logger was paired, or a laboratory answered for it: time is judged from `until` on.
    uint256 internal constant JUDGED = 4;

    uint256 internal constant MAX_32 = type(uint32).max;
    uint256 private constant YEAR_2025 = 1_735_689_600;

    // ---- custody -------------------------------------------------------------------------------------------------

    /// @param due hours since 1970, 0 without; 22 bits last until the year 2448
    /// @param since minutes since 2025; 26 bits last until 2152
    function custodyOf(
        address holder,
        uint256 units,
        uint256 lot,
        uint256 due,
        uint256 since
    ) internal pure returns (uint256) {
        return uint160(holder) | (units << 160) | (lot << 184) | (due << 208) | (since << 230);
    }

    function holderOf(uint256 custody) internal pure returns (address) {
        return address(uint160(custody));
    }

    function unitsOf(uint256 custody) internal pure returns (uint256) {
        return uint24(custody >> 160);
    }

    function lotOf(uint256 custody) internal pure returns (uint256) {
        return uint24(custody >> 184);
    }

    /// @return first second at which it is overdue, 0 without a time
    function dueOf(uint256 custody) internal pure returns (uint256) {
        unchecked {
            return ((custody >> 208) & 0x3fffff) * 1 hours;
        }
    }

    function sinceOf(uint256 custody) internal pure returns (uint256) {
        return custody >> 230;
    }

    function overdue(uint256 custody) internal view returns (bool) {
        uint256 due = dueOf(custody);
        return due != 0 && due <= block.timestamp;
    }

    function withUnits(uint256 custody, uint256 units) internal pure returns (uint256) {
        return (custody & ~(uint256(type(uint24).max) << 160)) | (units << 160);
    }

    /// @param due seconds, a whole hour
    function withDue(uint256 custody, uint256 due) internal pure returns (uint256) {
        return (custody & ~(uint256(0x3fffff) << 208)) | ((due / 1 hours) << 208);
    }

    function withSince(uint256 custody, uint256 since) internal pure returns (uint256) {
        return ((custody << 26) >> 26) | (since << 230);
    }

    /// @dev This minute, or the next one after the last: two never are the same.
    function next(uint256 since) internal view returns (uint256 minute) {
        // Unchecked: `since` has 26 bits, and a clock before 2025 gives a minute that has more.
        unchecked {
            minute = (block.timestamp - YEAR_2025) / 1 minutes;
            if (minute <= since) minute = since + 1;
        }
        if (minute >> 26 != 0) revert IColdChain.InvalidHandover("since");
    }

    /// @dev The end of the whole hour in which the time allowed ends; 0 without one.
    function dueAfter(uint256 hoursAllowed) internal view returns (uint256) {
        unchecked {
            return
                hoursAllowed == 0 ? 0 : ((block.timestamp + hoursAllowed * 1 hours + 1 hours - 1) / 1 hours) * 1 hours;
        }
    }

    // ---- course --------------------------------------------------------------------------------------------------

    /// @dev The course of a shipment of which nothing is known yet begins when it was opened, to the minute, and is unknown from there on.
    function courseOf(Parcel storage p, uint256 custody) internal view returns (uint256 course) {
        course = p.course;
        if (course == 0) {
            return (YEAR_2025 + sinceOf(custody) * 1 minutes) | (uint256(IColdChain.Disposition.Active) << 120);
        }
    }

    function untilOf(uint256 course) internal pure returns (uint256) {
        return uint32(course);
    }

    /// @return last second at which silence leaves it intact, 0 when it is unknown anyway
    function intactUntilOf(uint256 course) internal pure returns (uint256) {
        return uint32(course >> 32);
    }

    function batchesOf(uint256 course) internal pure returns (uint256) {
        return uint24(course >> 64);
    }

    function dispositionOf(uint256 course) internal pure returns (IColdChain.Disposition) {
        return IColdChain.Disposition((course >> 120) & 7);
    }

    function flagsOf(uint256 course) internal pure returns (uint256) {
        return (course >> 123) & 7;
    }

    function chainOf(uint256 course) internal pure returns (bytes16) {
        return bytes16(bytes32(course));
    }

    function withDisposition(uint256 course, IColdChain.Disposition disposition) internal pure returns (uint256) {
        return (course & ~(uint256(7) << 120)) | (uint256(disposition) << 120);
    }

    /// @dev Judged until a time, when so much is unknown. Silence after it is unknown only once it is longer than the profile allows, and
    /// then as a whole.
    /// @param quiet,allowed ILots.Packed's `silence` and `unknown`
    function judged(
        uint256 course,
        uint256 until,
        uint256 flags,
        uint256 missed,
        uint256 quiet,
        uint256 allowed
    ) internal pure returns (uint256) {
        uint256 intactUntil;
        // Safe: sums of numbers of 32 bits.
        unchecked {
            if (missed <= allowed) {
                uint256 left = allowed - missed;
                intactUntil = until + (left > quiet ? left : quiet);
                if (intactUntil > MAX_32) intactUntil = MAX_32;
            }
        }
        return
            (((course >> 64) << 64) & ~(uint256(7) << 123)) | until | (intactUntil << 32) | ((flags | JUDGED) << 123);
    }

    // ---- sums ----------------------------------------------------------------------------------------------------

    /// @dev The extremes are kept so that 0 means none.
    function lowestOf(uint256 sums) internal pure returns (int256) {
        return int16(uint16(sums) ^ 0x7fff);
    }

    function highestOf(uint256 sums) internal pure returns (int256) {
        return int16(uint16(sums >> 16) ^ 0x8000);
    }

    function unknownOf(uint256 sums) internal pure returns (uint256) {
        return uint32(sums >> 96);
    }

    function breachedOf(uint256 sums) internal pure returns (uint256) {
        return uint16(sums >> 128);
    }

    function breachedAtOf(uint256 sums) internal pure returns (uint256) {
        return uint32(sums >> 144);
    }

    function restartedOf(uint256 sums) internal pure returns (uint256) {
        return uint32(sums >> 176);
    }

    function judgement(uint256 course, uint256 sums) internal pure returns (IColdChain.Judgement memory j) {
        j.until = uint32(course);
        j.batches = uint24(course >> 64);
        j.readings = uint32(course >> 88);
        j.lowest = int16(uint16(sums) ^ 0x7fff);
        j.highest = int16(uint16(sums >> 16) ^ 0x8000);
        j.above = uint32(sums >> 32);
        j.below = uint32(sums >> 64);
        j.unknown = uint32(sums >> 96);
        j.breached = uint16(sums >> 128);
    }

    /// @return as in IColdChain.ReadingsLogged
    function packed(uint256 course, uint256 sums) internal pure returns (uint256) {
        return
            ((sums & type(uint144).max) ^ 0x80007fff) |
            (uint256(uint32(course)) << 144) |
            (uint256(uint56(course >> 64)) << 176);
    }

    // ---- pairings ------------------------------------------------------------------------------------------------

    function pairing(
        uint256 from,
        uint256 to,
        uint256 model,
        uint256 lot,
        uint256 limits
    ) internal pure returns (uint256) {
        uint256 band = (limits >> 32) & MAX_32; // floor and ceiling
        return
            from |
            (to << 32) |
            (model << 64) |
            (lot << 80) |
            (band << 104) |
            (silence(limits) << 136) |
            (unknown(limits) << 168);
    }

    function fromOf(uint256 word) internal pure returns (uint256) {
        return uint32(word);
    }

    function toOf(uint256 word) internal pure returns (uint256) {
        return uint32(word >> 32);
    }

    function modelOf(uint256 word) internal pure returns (uint256) {
        return uint16(word >> 64);
    }

    function goodsOf(uint256 word) internal pure returns (uint256) {
        return uint24(word >> 80);
    }

    function floorOf(uint256 word) internal pure returns (int256) {
        return int16(uint16(word >> 104));
    }

    function ceilingOf(uint256 word) internal pure returns (int256) {
        return int16(uint16(word >> 120));
    }

    // ---- lots ----------------------------------------------------------------------------------------------------

    function manufacturer(uint256 maker) internal pure returns (address) {
        return address(uint160(maker));
    }

    function unitsLeft(uint256 maker) internal pure returns (uint256) {
        return uint32(maker >> 160);
    }

    function expiresAt(uint256 maker) internal pure returns (uint256) {
        return uint32(maker >> 192);
    }

    function recalled(uint256 maker) internal pure returns (uint256) {
        return maker >> 224;
    }

    function mktLimit(uint256 limits) internal pure returns (int256) {
        return int16(uint16(limits >> 64));
    }

    function mktHours(uint256 limits) internal pure returns (uint256) {
        return (limits >> 80) & 0x3ff;
    }

    function ruleCount(uint256 limits) internal pure returns (uint256) {
        return (limits >> 90) & 0xf;
    }

    function silence(uint256 limits) internal pure returns (uint256) {
        return uint32(limits >> 94);
    }

    function unknown(uint256 limits) internal pure returns (uint256) {
        return uint32(limits >> 126);
    }

    function budget(uint256 limits) internal pure returns (uint256) {
        return uint32(limits >> 158);
    }

    function madeAt(uint256 limits) internal pure returns (uint256) {
        return uint32(limits >> 200);
    }
}
