// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ConsentCodes} from "contracts/consent/ConsentCodes.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @title What a deployment allows where a patient never said anything
library ImplicitPolicy {
    uint32 private constant CARE = ConsentCodes.TREAT | ConsentCodes.ETREAT;
    uint32 private constant NORMAL = CARE | ConsentCodes.HPAYMT | ConsentCodes.COVERAGE | ConsentCodes.HOPERAT;
    uint32 private constant CARERS = Roles.PROVIDER | Roles.PHARMACY;

    /// @dev Never for a sensitivity label: those need their own yes.
    function permits(
        IConsentRegistry.Policy policy,
        uint32 roles,
        uint32 purpose,
        uint56 categories
    ) internal pure returns (bool) {
        if (policy < IConsentRegistry.Policy.Treatment || categories & ~ConsentCodes.ALL_RECORDS != 0) return false;
        if (purpose & CARE != 0 && roles & CARERS == 0) return false;
        if (purpose & ~CARE == 0) return true;
        return
            policy == IConsentRegistry.Policy.Normal && purpose & ~NORMAL == 0 && roles & (CARERS | Roles.INSURER) != 0;
    }
}
