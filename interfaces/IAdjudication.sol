// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title What a claim is made of and how it is judged
/// @notice The rule, line by line in the order of the claim (amounts in the token's smallest unit):
///
/// 1. A code that is not in the price list is not covered: the whole charge is denied, CARC 204 (group PR).
/// 2. `allowed = min(charge, price × units)`. The rest, `charge − allowed`, is the provider's write-off, CARC 45 (group CO).
/// 3. `deductible = min(allowed, what the member still owes of the year's deductible)`, CARC 1 (PR).
/// 4. `coinsurance = ⌈(allowed − deductible) × basis points / 10,000⌉`, CARC 2 (PR). The fraction of a unit is the patient's:
///    the pool never pays a unit too much, the patient at most one unit a line.
/// 5. The out-of-pocket maximum: when deductible + coinsurance exceed what the member may still pay in the year, first the
///    coinsurance and then the deductible are cut to fit; the plan pays what was cut.
/// 6. `paid = allowed − deductible − coinsurance`.
///
/// Always `charge = (charge − allowed) + deductible + coinsurance + paid` for a covered line, and `charge` denied for another.
/// After each line the year's accumulators grow by its `deductible` and by `deductible + coinsurance`.
interface IAdjudication {
    /// @param code salted code of the procedure, see IPlans
    /// @param units at least 1
    /// @param charge billed for the whole line, all units together
    struct Line {
        bytes32 code;
        uint32 units;
        uint96 charge;
    }

    /// @param carc 204 for a line that is denied, else 0; the other codes follow from the amounts (45, 1, 2)
    struct LineResult {
        uint96 charge;
        uint96 allowed;
        uint96 deductible;
        uint96 coinsurance;
        uint96 paid;
        uint16 carc;
    }

    /// @notice What a member has paid in a benefit year (a calendar year of service days).
    /// @param deductible towards the deductible
    /// @param outOfPocket altogether: deductibles and coinsurance
    struct Accumulators {
        uint96 deductible;
        uint96 outOfPocket;
    }
}
