// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// What Salus is measured beside is written as one writes it first.
// solhint-disable gas-custom-errors, gas-increment-by-one, reason-string

/// @title How readings are often written down: a struct and an event a reading, judged by one limit
/// @dev The baseline of benchmarks/run.py, nothing else.
contract NaiveColdChain {
    struct Reading {
        uint256 time;
        int256 temperature;
        string location;
        bool alert;
    }

    struct Shipment {
        string product;
        string lot;
        address holder;
        uint256 units;
        bool exists;
    }

    mapping(uint256 shipment => Reading[]) public readings;
    mapping(uint256 shipment => Shipment) public shipments;
    mapping(uint256 shipment => address) public pending;

    event ReadingLogged(uint256 shipment, uint256 time, int256 temperature, string location, bool alert);
    event ShipmentCreated(uint256 shipment, string product, string lot, address holder, uint256 units);
    event Handed(uint256 shipment, address from, address to);

    function register(uint256 id, string memory product, string memory lot, uint256 units) public {
        require(!shipments[id].exists, "exists");
        shipments[id] = Shipment(product, lot, msg.sender, units, true);
        emit ShipmentCreated(id, product, lot, msg.sender, units);
    }

    function offer(uint256 id, address to) public {
        require(shipments[id].holder == msg.sender, "not holder");
        pending[id] = to;
    }

    function accept(uint256 id) public {
        require(pending[id] == msg.sender, "not offered");
        emit Handed(id, shipments[id].holder, msg.sender);
        shipments[id].holder = msg.sender;
        pending[id] = address(0);
    }

    function log(uint256 id, int256 temperature, string memory location) public {
        bool alert = temperature > 800 || temperature < 200;
        readings[id].push(Reading(block.timestamp, temperature, location, alert));
        emit ReadingLogged(id, block.timestamp, temperature, location, alert);
    }
}
