// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Adjudication} from "contracts/claims/Adjudication.sol";
import {IAdjudication} from "interfaces/IAdjudication.sol";
import {IPlans} from "interfaces/IPlans.sol";

/// @title Opens the library to tests, with any accumulators
contract Judge is IAdjudication {
    function judge(
        IPlans.Terms memory terms,
        IPlans.Price memory price,
        Line calldata line,
        Accumulators memory year
    ) external pure returns (LineResult memory result, Accumulators memory after_) {
        Adjudication.judge(terms, price, line, year, result);
        return (result, year);
    }

    function yearOf(uint24 day) external pure returns (uint16) {
        return Adjudication.yearOf(day);
    }
}
