// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdjudication} from "interfaces/claims/IAdjudication.sol";
import {IClaimDesk} from "interfaces/claims/IClaimDesk.sol";

/// @title The hashes that stand for a claim: what its provider signs, and what the desk remembers of it
library Attestations {
    bytes32 private constant LINE = keccak256("Line(bytes32 code,uint16 units,uint80 charge,uint80 prior)");
    bytes32 private constant CLAIM = keccak256(
        "Claim(bytes32 plan,address patient,address provider,bytes32 number"
        ",uint24 serviceDay,bytes32 primary,Line[] lines)"
        "Line(bytes32 code,uint16 units,uint80 charge,uint80 prior)"
    );

    /// @return the EIP-712 hash of the struct
    function structHash(IAdjudication.Claim calldata c) internal pure returns (bytes32) {
        bytes32[] memory lines = new bytes32[](c.lines.length);
        for (uint256 i; i < lines.length; ++i) {
            lines[i] = keccak256(abi.encode(LINE, c.lines[i])); // all its fields are words
        }
        bytes32 all = keccak256(abi.encodePacked(lines));
        return keccak256(abi.encode(CLAIM, c.plan, c.patient, c.provider, c.number, c.serviceDay, c.primary, all));
    }

    /// @notice What the desk remembers of a claim that is not decided.
    function content(IAdjudication.Claim calldata c) internal pure returns (uint208) {
        return uint208(uint256(keccak256(abi.encode(c))));
    }

    /// @notice What the desk remembers of a decided claim: `Results.emitClaimDecided` makes it where the event lies.
    /// @dev 208 bits: nobody finds two contents of one digest with less than 2^104 trials.
    function content(IClaimDesk.Decided calldata d) internal pure returns (uint208) {
        bytes memory told = abi.encode(d.patient, d.circumstances, d.lines);
        return uint208(uint256(keccak256(bytes.concat(abi.encode(d.plan, d.provider), told))));
    }
}
