// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Adjudication} from "contracts/claims/Adjudication.sol";
import {IAdjudication} from "interfaces/IAdjudication.sol";

/// @title Opens the library to tests, with any bounds
contract Judge is IAdjudication {
    /// @param r with charge, denied and units
    function share(LineResult memory r, uint256 price, uint256 prior, Adjudication.Share memory s)
        external
        pure
        returns (LineResult memory)
    {
        Adjudication.share(r, price, prior, s);
        return r;
    }

    function packed(bytes32 code, LineResult memory r) external pure returns (PackedLine memory) {
        return Adjudication.pack(code, r);
    }

    function yearOf(uint24 day) external pure returns (uint16) {
        return Adjudication.yearOf(day);
    }
}
