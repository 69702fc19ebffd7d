// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Whether an account signed: by its key, or as an ERC-1271 wallet
library Signatures {
    /// @dev Most gas that a wallet gets: it may burn its own chance, not that of others in the batch.
    uint256 internal constant WALLET_GAS = 500_000;

    /// @dev The key first: an account with an EIP-7702 delegation has code and still signs with its key. A wallet that reverts,
    /// answers junk or has no code does not sign. (OpenZeppelin's own checker needs a newer EVM.)
    function signed(address account, bytes32 hash, bytes calldata signature) internal view returns (bool) {
        // Read where it lies: a copy costs more than the check. 64 bytes (EIP-2098) are no signature here.
        if (signature.length == 65) {
            (bytes32 r, bytes32 s) = (bytes32(signature), bytes32(signature[32:]));
            (address signer, ECDSA.RecoverError error,) = ECDSA.tryRecover(hash, uint8(signature[64]), r, s);
            if (error == ECDSA.RecoverError.NoError && signer == account) return true;
        }
        if (account.code.length == 0) return false;

        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (hash, signature));
        uint256 gasLimit = WALLET_GAS;
        bytes32 answer;
        bool success;
        // Assembly takes one word of the answer at most, so that a long one cannot burn our gas. It writes scratch space only.
        assembly ("memory-safe") {
            mstore(0, 0)
            success := staticcall(gasLimit, account, add(question, 0x20), mload(question), 0, 0x20)
            success := and(success, gt(returndatasize(), 0x1f))
            answer := mload(0)
        }
        return success && answer == bytes32(IERC1271.isValidSignature.selector);
    }
}
