// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";

/// @title Whether an account is licensed, for whom it acts and in which roles, asked at low cost
library LicenceStatus {
    /// @notice `institutions.standing(account)`.
    /// @dev The answer is three words of which two are small numbers of a contract of ours: taken as they come, 150 gas
    /// less than the compiler's call. An answer that is shorter, as where there is no code, counts as a failure.
    function licenceStatusOf(
        IInstitutions institutions,
        address account
    ) internal view returns (address institution, uint32 roles, IInstitutions.Standing status) {
        uint256 selector = uint32(IInstitutions.standing.selector);
        // Question and answer lie beyond the free memory, which stays free.
        assembly ("memory-safe") {
            let q := mload(0x40)
            mstore(q, selector)
            mstore(add(q, 0x20), account)
            let done := staticcall(gas(), institutions, add(q, 0x1c), 0x24, q, 0x60)
            if iszero(and(done, gt(returndatasize(), 0x5f))) {
                returndatacopy(q, 0, returndatasize())
                revert(q, returndatasize())
            }
            institution := mload(q)
            roles := mload(add(q, 0x20))
            status := mload(add(q, 0x40))
        }
    }
}
