// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {Roles} from "contracts/institutions/Roles.sol";
import {IInstitutions} from "interfaces/IInstitutions.sol";

/// @title Institutions: accreditation by the regulator, operators by the institution
/// @dev The AccessManager's delays and guardians stand before every function of the regulator.
contract Institutions is IInstitutions, AccessManaged {
    /// @dev What `standing` reads, in one slot. `roles` is never 0 once accredited, so 0 means unknown.
    struct Licence {
        uint32 roles;
        uint40 until;
        uint40 suspendedAt;
    }

    mapping(address institution => Licence) private _licences;
    mapping(address operator => Operator) private _operators;
    mapping(address institution => bytes32 handle) private _handles;
    mapping(bytes32 handle => address institution) private _byHandle;
    mapping(address institution => bytes32 key) private _encryptionKeys;

    constructor(AccessManager manager) AccessManaged(address(manager)) {}

    // ---- the regulator -------------------------------------------------------------------------------------------

    /// @inheritdoc IInstitutions
    function accredit(address account, bytes32 handle, uint32 roles, uint40 licensedUntil) external restricted {
        if (_licences[account].roles != 0) revert AlreadyAccredited(account);
        if (_byHandle[handle] != address(0)) revert HandleTaken(handle, _byHandle[handle]);
        if (!_validHandle(handle)) revert InvalidHandle(handle);
        // An account that names a role (see IConsentRegistry) cannot be an institution; nobody holds its key anyway.
        if (uint160(account) <= type(uint32).max) revert UnknownInstitution(account);
        _checkTerms(roles, licensedUntil);
        // Otherwise `standing` would have two answers for one account.
        address employer = _operators[account].institution;
        if (employer != address(0)) revert OperatorTaken(account, employer);

        _licences[account] = Licence(roles, licensedUntil, 0);
        _handles[account] = handle;
        _byHandle[handle] = account;

        emit InstitutionAccredited(account, handle, roles, licensedUntil);
    }

    /// @inheritdoc IInstitutions
    function renew(address account, uint32 roles, uint40 licensedUntil) external restricted {
        Licence storage licence = _known(account);
        _checkTerms(roles, licensedUntil);

        licence.roles = roles;
        licence.until = licensedUntil;

        emit LicenceRenewed(account, roles, licensedUntil);
    }

    /// @inheritdoc IInstitutions
    function suspend(address account) external restricted {
        Licence storage licence = _known(account);
        if (licence.suspendedAt != 0) revert AlreadySuspended(account);

        licence.suspendedAt = uint40(block.timestamp);

        emit InstitutionSuspended(account);
    }

    /// @inheritdoc IInstitutions
    function reinstate(address account) external restricted {
        Licence storage licence = _known(account);
        if (licence.suspendedAt == 0) revert NotSuspended(account);

        licence.suspendedAt = 0;

        emit InstitutionReinstated(account);
    }

    function _checkTerms(uint32 roles, uint40 until) private view {
        if (roles == 0 || roles & ~Roles.ALL != 0) revert InvalidRoles(roles);
        if (until <= block.timestamp) revert InvalidTerm(until);
    }

    /// @dev 1 to 31 of `a-z 0-9 -`, then only zero bytes: so that no handle can break a terminal, a CSV or an index.
    function _validHandle(bytes32 handle) private pure returns (bool) {
        uint256 length;
        while (length < 32 && handle[length] != 0) {
            bytes1 c = handle[length];
            if (!((c >= "a" && c <= "z") || (c >= "0" && c <= "9") || c == "-")) return false;
            ++length;
        }
        if (length == 0 || length == 32) return false;
        return uint256(handle) << (8 * length) == 0;
    }

    // ---- the institution -----------------------------------------------------------------------------------------

    /// @inheritdoc IInstitutions
    function setOperator(address account, uint32 roles, uint40 until) external {
        _known(msg.sender);
        if (_licences[account].roles != 0) revert OperatorTaken(account, account);
        address employer = _operators[account].institution;
        if (employer != address(0) && employer != msg.sender) revert OperatorTaken(account, employer);
        _checkTerms(roles, until);

        _operators[account] = Operator(msg.sender, roles, until);

        emit OperatorSet(msg.sender, account, roles, until);
    }

    /// @inheritdoc IInstitutions
    function removeOperator(address account) external {
        if (_operators[account].institution != msg.sender) revert NotOperator(account, msg.sender);

        delete _operators[account];

        emit OperatorRemoved(msg.sender, account);
    }

    /// @inheritdoc IInstitutions
    function resign() external {
        address employer = _operators[msg.sender].institution;
        if (employer == address(0)) revert NotOperator(msg.sender, address(0));

        delete _operators[msg.sender];

        emit OperatorRemoved(employer, msg.sender);
    }

    /// @inheritdoc IInstitutions
    function setEncryptionKey(bytes32 key) external {
        _known(msg.sender);

        _encryptionKeys[msg.sender] = key;

        emit EncryptionKeySet(msg.sender, key);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IInstitutions
    function standing(address account) external view returns (address institution_, uint32 roles, Standing status) {
        Licence memory licence = _licences[account];
        if (licence.roles != 0) {
            institution_ = account;
            roles = licence.roles;
        } else {
            Operator memory operator_ = _operators[account];
            if (operator_.institution == address(0)) return (address(0), 0, Standing.Unknown);
            institution_ = operator_.institution;
            licence = _licences[institution_];
            roles = operator_.roles & licence.roles;
            if (operator_.until <= block.timestamp) status = Standing.OperatorExpired;
        }
        // The institution's own state goes before its operator's: it is the graver news.
        if (licence.suspendedAt != 0) status = Standing.Suspended;
        else if (licence.until <= block.timestamp) status = Standing.Expired;
        else if (status == Standing.Unknown) return (institution_, roles, Standing.Licensed);
        roles = 0;
    }

    /// @inheritdoc IInstitutions
    function institution(address account) external view returns (Institution memory) {
        Licence memory licence = _licences[account];
        return Institution(_handles[account], licence.roles, licence.until, licence.suspendedAt, _encryptionKeys[account]);
    }

    /// @inheritdoc IInstitutions
    function operator(address account) external view returns (Operator memory) {
        return _operators[account];
    }

    /// @inheritdoc IInstitutions
    function byHandle(bytes32 handle) external view returns (address) {
        return _byHandle[handle];
    }

    function _known(address account) private view returns (Licence storage licence) {
        licence = _licences[account];
        if (licence.roles == 0) revert UnknownInstitution(account);
    }
}
