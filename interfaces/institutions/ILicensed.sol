// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";

/// @title What every contract shares that lets only licensed accounts act
interface ILicensed {
    /// @notice The account may not act in this role now; `standing` says why.
    error NotLicensed(address account, uint32 role, IInstitutions.Standing standing);

    /// @notice The registry of institutions that this contract asks; fixed at deployment.
    function institutions() external view returns (IInstitutions);
}
