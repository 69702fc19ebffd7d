// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Adjudication} from "contracts/claims/plans/Adjudication.sol";
import {IAdjudication} from "interfaces/claims/IAdjudication.sol";

/// @title Opens the library to tests, with any bounds
contract Judge {
    // Both structs are changed in memory, and returned so.
    // solhint-disable-next-line gas-calldata-parameters
    function share(
        Adjudication.Tally memory t,
        Adjudication.Rule memory r,
        uint256 allowed,
        uint256 prior
    )
        external
        pure
        returns (
            IAdjudication.SharesWord shares,
            IAdjudication.PaymentWord payment,
            uint256 counted,
            Adjudication.Tally memory,
            Adjudication.Rule memory
        )
    {
        (shares, payment, counted) = Adjudication.share(t, r, allowed, prior);
        return (shares, payment, counted, t, r);
    }

    function yearOf(uint24 day) external pure returns (uint256) {
        return Adjudication.yearOf(day);
    }
}
