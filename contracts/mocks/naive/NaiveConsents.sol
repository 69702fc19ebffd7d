// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// What Salus is measured beside is written as one writes it first.
// solhint-disable gas-custom-errors, gas-increment-by-one, reason-string

/// @title How consents are often written down: a struct with strings a grant, nonces in sequence
/// @dev The baseline of benchmarks/run.py, nothing else. It checks no licence and binds no chain.
contract NaiveConsents {
    struct Consent {
        string purpose;
        string category;
        uint256 from;
        uint256 until;
        bool active;
    }

    mapping(address patient => mapping(address grantee => Consent)) public consents;
    mapping(address patient => uint256) public nonces;

    event Granted(address patient, address grantee, string purpose, string category, uint256 from, uint256 until);
    event Revoked(address patient, address grantee);

    function grant(address grantee, string memory purpose, string memory category, uint256 from, uint256 until) public {
        _grant(msg.sender, grantee, purpose, category, from, until);
    }

    function grantFor(
        address patient,
        address grantee,
        string memory purpose,
        string memory category,
        uint256 from,
        uint256 until,
        uint256 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) public {
        require(nonce == nonces[patient]++, "nonce");
        bytes32 hash = keccak256(abi.encode(patient, grantee, purpose, category, from, until, nonce));
        require(
            ecrecover(keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", hash)), v, r, s) == patient,
            "signature"
        );
        _grant(patient, grantee, purpose, category, from, until);
    }

    function revoke(address grantee) public {
        consents[msg.sender][grantee].active = false;
        emit Revoked(msg.sender, grantee);
    }

    function permits(address patient, address grantee, string memory purpose) public view returns (bool) {
        Consent storage c = consents[patient][grantee];
        return c.active && block.timestamp < c.until && keccak256(bytes(c.purpose)) == keccak256(bytes(purpose));
    }

    function _grant(
        address patient,
        address grantee,
        string memory purpose,
        string memory category,
        uint256 from,
        uint256 until
    ) private {
        consents[patient][grantee] = Consent(purpose, category, from, until, true);
        emit Granted(patient, grantee, purpose, category, from, until);
    }
}
