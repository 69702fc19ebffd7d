// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title What a claim is, and the rule by which each of its lines is judged
/// @notice All amounts are in the smallest unit of the plan's token and at most 80 bits wide. Lines are judged in
/// order; each one sees what those before it used up.
///
/// **May the line be paid?** The first that applies denies the whole charge, with its CARC (claim adjustment reason
/// code, X12):
///
/// | CARC | when |
/// |---|---|
/// | 204 | the code is not in the plan's price list |
/// | 96 | the list names the code as not covered |
/// | 18 | an earlier line of the claim has the same code, units and charge |
/// | 6, 7 | none of the member's age groups (6), sex groups (7) is among those of the price |
/// | 288 | the price needs a referral, and nobody but the provider itself referred the member |
/// | 197 | the price needs a pre-authorisation, and none covers the day |
///
/// **How many units?** What the pre-authorisation (CARC 198) and then the quantity limit of the period (CARC 119)
/// leave; units beyond it are trimmed, and their share of the charge is denied: `denied = charge − ⌊charge × accepted ÷
/// units⌋`. When nothing is left the line is denied whole. Where both trim, the CARC is that of the last one that did.
///
/// **How much?** With C the charge that is left:
///
/// 1. `allowed = min(C, price × units)`; `C − allowed` is written off (CARC 45).
/// 2. Deductible, copay, coinsurance, each at most what is left of `allowed`, in this order, or copay first when the
/// plan says so:
///    - deductible, when the category bears one: at most what is left of the member's and of the family's deductible;
///    - copay: the category's, once a line;
///    - coinsurance: the category's rate, in or out of network, on what is left; **rounded up**, so the patient bears
///    the fraction
///      of a unit and the pool never pays one too much.
/// 3. The out-of-pocket maximum, the member's and the family's: what exceeds the room left is cut off the steps, the
/// last first.
/// 4. Another payer's payment (`prior`, at most `allowed`; CARC 23) relieves the patient, the last step first; what is
/// left of it
///    relieves this plan.
/// 5. The annual, lifetime and category limits: what exceeds the least of them stays with the patient (`limited`, CARC
/// 35 when the
///    lifetime limit alone is the least, else 119) and does not count to the out-of-pocket maximum.
/// 6. `paid` is the rest. Balance: `charge = denied + (charge − denied − allowed) + deductible + copay + coinsurance +
/// limited +
///    prior + paid`, to the unit.
///
/// Then the member's year grows: `deductible` by the deductible and, when the plan counts the copay to it, by
/// `counted`: the copay as far as the deductible (the member's and the family's) has room left; `outOfPocket` by
/// deductible + copay + coinsurance; `paid` by what is paid. So do the family's `deductible` and `outOfPocket`, each
/// where the plan sets the family a bound (its `paid` stays 0), the lifetime's `paid` where there is a limit, and the
/// category's where that has one.
///
/// Group codes (X12): what is denied and written off is CO, out of network PR; deductible (1), coinsurance (2), copay
/// (3) and `limited` are PR; `prior` is OA. A reversal gives all back (CR).
interface IAdjudication {
    /// @param code salted code, see IPlans
    /// @param units at least 1
    /// @param charge of the whole line
    /// @param prior what other payers paid for it (coordination of benefits), 0 when there is none
    struct Line {
        bytes32 code;
        uint16 units;
        uint80 charge;
        uint80 prior;
    }

    /// @param provider institution that did the work and is paid
    /// @param number commitment to the provider's own claim number (salted hash): the same number, the same commitment
    /// @param serviceDay days since 1970-01-01
    /// @param primary commitment to the answer of the payer that goes first, 0 when there is none; see
    /// `Membership.secondary`
    struct Claim {
        bytes32 plan;
        address patient;
        address provider;
        bytes32 number;
        uint24 serviceDay;
        bytes32 primary;
        Line[] lines;
    }

    /// @param units accepted
    /// @param denied part of the charge that is denied, with `carc`
    /// @param allowed the sum of the shares, `limited`, `prior` and `paid`
    /// @param counted part of the copay that counted to the deductible
    /// @param limited beyond a limit of the plan, with `limitCarc` (0 when nothing is)
    /// @param authorization lowest 8 bits of the number of the pre-authorisation that it used up, 0 when none
    struct LineResult {
        uint16 units;
        uint80 charge;
        uint80 denied;
        uint16 carc;
        uint80 allowed;
        uint80 deductible;
        uint80 copay;
        uint80 counted;
        uint80 coinsurance;
        uint80 limited;
        uint8 limitCarc;
        uint8 authorization;
        uint80 prior;
        uint80 paid;
    }

    /// @notice From the top: charge 80, denied 80, counted 80, carc 16 bits.
    type JudgedWord is uint256;
    /// @notice From the top: deductible 80, copay 80, coinsurance 80, limitCarc 8, authorization 8 bits.
    type SharesWord is uint256;
    /// @notice From the top: limited 80, prior 80, paid 80, units 16 bits.
    type PaymentWord is uint256;

    /// @notice A line's result in four words, as events carry it.
    struct PackedLine {
        bytes32 code;
        JudgedWord judged;
        SharesWord shares;
        PaymentWord payment;
    }

    /// @notice What a member, or a family, has used in a benefit year (the calendar year of the service day).
    struct Accumulators {
        uint80 deductible;
        uint80 outOfPocket;
        uint96 paid;
    }
}
