// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Whether an account signed: by its key, or as an ERC-1271 wallet
/// @dev The key first: an account with an EIP-7702 delegation has code and still signs with its key. (OpenZeppelin's own checker
/// asks the code alone, and needs a newer EVM.)
library Signatures {
    function signed(address account, bytes32 hash, bytes calldata signature) internal view returns (bool) {
        (address signer,,) = ECDSA.tryRecover(hash, signature);
        return _is(signer, account) || _byWallet(account, hash, signature);
    }

    /// @dev The same for an ERC-2098 signature: `vs` is s with the parity of v as its highest bit. A wallet gets 65 bytes.
    function signed(address account, bytes32 hash, bytes32 r, bytes32 vs) internal view returns (bool) {
        (address signer,,) = ECDSA.tryRecover(hash, r, vs);
        if (_is(signer, account)) return true;
        return _byWallet(account, hash, abi.encodePacked(r, vs << 1 >> 1, uint8(27 + (uint256(vs) >> 255))));
    }

    /// @dev What is nobody's signature is signed by 0.
    function _is(address signer, address account) private pure returns (bool) {
        return signer == account && signer != address(0);
    }

    /// @dev A wallet that reverts, answers junk or has no code does not sign.
    function _byWallet(address account, bytes32 hash, bytes memory signature) private view returns (bool) {
        if (account.code.length == 0) return false;

        (bool success, bytes memory answer) =
            account.staticcall(abi.encodeCall(IERC1271.isValidSignature, (hash, signature)));
        return success && answer.length >= 32 && abi.decode(answer, (bytes32)) == bytes32(IERC1271.isValidSignature.selector);
    }
}
