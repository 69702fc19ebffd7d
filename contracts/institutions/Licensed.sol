// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";
import {ILicensed} from "interfaces/institutions/ILicensed.sol";

/// @title Lets only licensed accounts act
abstract contract Licensed is ILicensed {
    /// @inheritdoc ILicensed
    IInstitutions public immutable institutions;

    constructor(IInstitutions institutions_) {
        institutions = institutions_;
    }

    /// @dev Reverts `NotLicensed` unless `account` may act now in `role` (in any one of them when it is a mask of
    /// several).
    /// @return institution whom it acts for
    function _licensed(address account, uint32 role) internal view returns (address institution) {
        (institution, ) = _licence(account, role);
    }

    /// @dev The same, with all the roles that it may use.
    function _licence(address account, uint32 role) internal view returns (address institution, uint32 roles) {
        IInstitutions.Standing status;
        (institution, roles, status) = institutions.standing(account);
        if (status == IInstitutions.Standing.Licensed) {
            if (roles & role != 0) return (institution, roles);
            status = IInstitutions.Standing.OutOfRole;
        }
        revert NotLicensed(account, role, status);
    }
}
