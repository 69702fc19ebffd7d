// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Whether an account signed: by its key, or as an ERC-1271 wallet
library Signatures {
    /// @dev Most gas that a wallet gets: it may burn its own chance, not that of others in the batch.
    uint256 internal constant WALLET_GAS = 500_000;

    /// @dev The key first: an account with an EIP-7702 delegation has code and still signs with its key. A wallet that
    /// reverts, answers junk or has no code does not sign. (OpenZeppelin's own checker needs a newer EVM.)
    function signed(address account, bytes32 hash, bytes calldata signature) internal view returns (bool) {
        (address signer, ECDSA.RecoverError error, ) = ECDSA.tryRecover(hash, signature);
        if (error == ECDSA.RecoverError.NoError && signer == account) return true;
        return _byWallet(account, hash, signature);
    }

    /// @dev The same for 64 bytes, r and `vs`: s with the parity of v as its highest bit (ERC-2098). A wallet is asked
    /// with the 65 bytes that they stand for.
    function signed(address account, bytes32 hash, bytes32 r, bytes32 vs) internal view returns (bool) {
        (address signer, , ) = ECDSA.tryRecover(hash, r, vs);
        if (signer == account && signer != address(0)) return true; // 0 for what is nobody's
        return _byWallet(account, hash, abi.encodePacked(r, (vs << 1) >> 1, uint8(27 + (uint256(vs) >> 255))));
    }

    function _byWallet(address account, bytes32 hash, bytes memory signature) private view returns (bool) {
        if (account.code.length == 0) return false;

        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (hash, signature));
        uint256 gasLimit = WALLET_GAS;
        bytes32 answer;
        bool success;
        // Assembly takes one word of the answer at most, so that a long one cannot burn our gas. It writes scratch
        // space only.
        assembly ("memory-safe") {
            mstore(0, 0)
            success := staticcall(gasLimit, account, add(question, 0x20), mload(question), 0, 0x20)
            success := and(success, gt(returndatasize(), 0x1f))
            answer := mload(0)
        }
        return success && answer == bytes32(IERC1271.isValidSignature.selector);
    }
}
