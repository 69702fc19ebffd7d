// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// What Salus is measured beside is written as one writes it first.
// solhint-disable gas-custom-errors, gas-increment-by-one, reason-string

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title How claims are often written down: a struct with strings, and three transactions until the money moves
/// @dev The baseline of benchmarks/run.py, nothing else. It knows no plan, no consent and no accumulator.
contract NaiveClaims {
    struct Claim {
        string number;
        address patient;
        address provider;
        string code;
        uint256 charge;
        uint256 approved;
        string status;
    }

    IERC20 public immutable token;
    mapping(uint256 id => Claim) public claims;
    uint256 public count;

    event Submitted(uint256 id, string number, address patient, address provider, string code, uint256 charge);
    event Approved(uint256 id, uint256 amount);
    event Paid(uint256 id, uint256 amount);

    constructor(IERC20 token_) {
        token = token_;
    }

    function submit(
        string memory number,
        address patient,
        string memory code,
        uint256 charge
    ) public returns (uint256 id) {
        id = count++;
        claims[id] = Claim(number, patient, msg.sender, code, charge, 0, "submitted");
        emit Submitted(id, number, patient, msg.sender, code, charge);
    }

    function approve(uint256 id, uint256 amount) public {
        claims[id].approved = amount;
        claims[id].status = "approved";
        emit Approved(id, amount);
    }

    function pay(uint256 id) public {
        require(keccak256(bytes(claims[id].status)) == keccak256("approved"), "not approved");
        claims[id].status = "paid";
        require(token.transfer(claims[id].provider, claims[id].approved));
        emit Paid(id, claims[id].approved);
    }
}
