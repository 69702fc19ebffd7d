// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdjudication} from "interfaces/claims/IAdjudication.sol";

/// @title The three words of a judged line, see `IAdjudication.PackedLine`
/// @dev From the top: `judged`: charge 80, denied 80, counted 80, carc 16; `shares`: deductible 80, copay 80,
/// coinsurance 80, limitCarc 8, authorization 8; `payment`: limited 80, prior 80, paid 80, units 16. Nothing is masked
/// here: whoever packs gives each field no more bits than it has.
library LineWords {
    // ---- judged --------------------------------------------------------------------------------------------------

    function packJudged(
        uint256 charge_,
        uint256 denied_,
        uint256 carc_
    ) internal pure returns (IAdjudication.JudgedWord) {
        return IAdjudication.JudgedWord.wrap((charge_ << 176) | (denied_ << 96) | carc_);
    }

    /// @param word without a counted part yet
    function withCounted(
        IAdjudication.JudgedWord word,
        uint256 counted_
    ) internal pure returns (IAdjudication.JudgedWord) {
        return IAdjudication.JudgedWord.wrap(IAdjudication.JudgedWord.unwrap(word) | (counted_ << 16));
    }

    function charge(IAdjudication.JudgedWord word) internal pure returns (uint80) {
        return uint80(IAdjudication.JudgedWord.unwrap(word) >> 176);
    }

    function denied(IAdjudication.JudgedWord word) internal pure returns (uint80) {
        return uint80(IAdjudication.JudgedWord.unwrap(word) >> 96);
    }

    function counted(IAdjudication.JudgedWord word) internal pure returns (uint80) {
        return uint80(IAdjudication.JudgedWord.unwrap(word) >> 16);
    }

    function carc(IAdjudication.JudgedWord word) internal pure returns (uint16) {
        return uint16(IAdjudication.JudgedWord.unwrap(word));
    }

    // ---- shares --------------------------------------------------------------------------------------------------

    function packShares(
        uint256 deductible_,
        uint256 copay_,
        uint256 coinsurance_
    ) internal pure returns (IAdjudication.SharesWord) {
        return IAdjudication.SharesWord.wrap((deductible_ << 176) | (copay_ << 96) | (coinsurance_ << 16));
    }

    /// @param word without such a code yet
    function withLimitCarc(
        IAdjudication.SharesWord word,
        uint256 carc_
    ) internal pure returns (IAdjudication.SharesWord) {
        return IAdjudication.SharesWord.wrap(IAdjudication.SharesWord.unwrap(word) | (carc_ << 8));
    }

    /// @param word without a pre-authorisation yet
    /// @param serial lowest 8 bits of its number
    function withAuthorization(
        IAdjudication.SharesWord word,
        uint256 serial
    ) internal pure returns (IAdjudication.SharesWord) {
        return IAdjudication.SharesWord.wrap(IAdjudication.SharesWord.unwrap(word) | serial);
    }

    function deductible(IAdjudication.SharesWord word) internal pure returns (uint80) {
        return uint80(IAdjudication.SharesWord.unwrap(word) >> 176);
    }

    function copay(IAdjudication.SharesWord word) internal pure returns (uint80) {
        return uint80(IAdjudication.SharesWord.unwrap(word) >> 96);
    }

    function coinsurance(IAdjudication.SharesWord word) internal pure returns (uint80) {
        return uint80(IAdjudication.SharesWord.unwrap(word) >> 16);
    }

    function limitCarc(IAdjudication.SharesWord word) internal pure returns (uint8) {
        return uint8(IAdjudication.SharesWord.unwrap(word) >> 8);
    }

    function authorization(IAdjudication.SharesWord word) internal pure returns (uint8) {
        return uint8(IAdjudication.SharesWord.unwrap(word));
    }

    // ---- payment -------------------------------------------------------------------------------------------------

    function packPayment(
        uint256 limited_,
        uint256 prior_,
        uint256 paid_
    ) internal pure returns (IAdjudication.PaymentWord) {
        return IAdjudication.PaymentWord.wrap((limited_ << 176) | (prior_ << 96) | (paid_ << 16));
    }

    /// @param word without units yet
    function withUnits(
        IAdjudication.PaymentWord word,
        uint256 units_
    ) internal pure returns (IAdjudication.PaymentWord) {
        return IAdjudication.PaymentWord.wrap(IAdjudication.PaymentWord.unwrap(word) | units_);
    }

    function limited(IAdjudication.PaymentWord word) internal pure returns (uint80) {
        return uint80(IAdjudication.PaymentWord.unwrap(word) >> 176);
    }

    function prior(IAdjudication.PaymentWord word) internal pure returns (uint80) {
        return uint80(IAdjudication.PaymentWord.unwrap(word) >> 96);
    }

    function paid(IAdjudication.PaymentWord word) internal pure returns (uint80) {
        return uint80(IAdjudication.PaymentWord.unwrap(word) >> 16);
    }

    function units(IAdjudication.PaymentWord word) internal pure returns (uint16) {
        return uint16(IAdjudication.PaymentWord.unwrap(word));
    }
}
