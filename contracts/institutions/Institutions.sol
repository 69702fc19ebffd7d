// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {EntryWord, EntryWords} from "contracts/institutions/EntryWords.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";

/// @title Institutions: accreditation by the regulator, operators by the institution
/// @dev The AccessManager's delays and guardians stand before every function of the regulator.
contract Institutions is IInstitutions, AccessManaged {
    using EntryWords for EntryWords.Entry;

    mapping(address account => EntryWords.Entry) private _entries;
    mapping(address institution => bytes32 handle) private _handles;
    mapping(bytes32 handle => address institution) private _byHandle;
    mapping(address institution => uint40) private _suspendedAt;
    mapping(address institution => bytes32 key) private _encryptionKeys;

    constructor(AccessManager manager) AccessManaged(address(manager)) {}

    // ---- the regulator -------------------------------------------------------------------------------------------

    /// @inheritdoc IInstitutions
    function accredit(address account, bytes32 handle, uint32 roles, uint40 licensedUntil) external restricted {
        // An operator's account cannot be accredited: `standing` would have two answers for it.
        address employer = _entries[account].institution;
        if (employer == account && account != address(0)) revert AlreadyAccredited(account);
        if (employer != address(0)) revert OperatorTaken(account, employer);
        if (_byHandle[handle] != address(0)) revert HandleTaken(handle, _byHandle[handle]);
        if (!_validHandle(handle)) revert InvalidHandle(handle);
        _checkAccount(account);
        _checkTerms(roles, licensedUntil);

        _entries[account] = EntryWords.Entry(account, roles, licensedUntil, false);
        _handles[account] = handle;
        _byHandle[handle] = account;

        emit InstitutionAccredited(account, handle, roles, licensedUntil);
    }

    /// @inheritdoc IInstitutions
    function renew(address account, uint32 roles, uint40 licensedUntil) external restricted {
        EntryWords.Entry storage entry = _known(account);
        _checkTerms(roles, licensedUntil);

        entry.roles = roles;
        entry.until = licensedUntil;

        emit LicenceRenewed(account, roles, licensedUntil);
    }

    /// @inheritdoc IInstitutions
    function suspend(address account) external restricted {
        EntryWords.Entry storage entry = _known(account);
        if (entry.suspended) revert AlreadySuspended(account);

        entry.suspended = true;
        _suspendedAt[account] = uint40(block.timestamp);

        emit InstitutionSuspended(account);
    }

    /// @inheritdoc IInstitutions
    function reinstate(address account) external restricted {
        EntryWords.Entry storage entry = _known(account);
        if (!entry.suspended) revert NotSuspended(account);

        entry.suspended = false;
        _suspendedAt[account] = 0;

        emit InstitutionReinstated(account);
    }

    /// @dev Accounts that name a role (see IConsentRegistry) act for nobody; nobody holds their keys anyway.
    function _checkAccount(address account) private pure {
        if (uint160(account) <= type(uint32).max) revert InvalidAccount(account);
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
        // Only who may act now may name others, so that a suspended institution takes no key from anybody.
        EntryWords.Entry memory own = _known(msg.sender);
        if (own.suspended || own.until <= block.timestamp) revert LicenceEnded(msg.sender);
        _checkAccount(account);
        address employer = _entries[account].institution;
        bool free = employer == address(0) || (employer == msg.sender && account != msg.sender);
        if (!free) revert OperatorTaken(account, employer);
        _checkTerms(roles, until);

        _entries[account] = EntryWords.Entry(msg.sender, roles, until, false);

        emit OperatorSet(msg.sender, account, roles, until);
    }

    /// @inheritdoc IInstitutions
    function removeOperator(address account) external {
        _remove(account, msg.sender);
    }

    /// @inheritdoc IInstitutions
    function resign() external {
        _remove(msg.sender, _entries[msg.sender].institution);
    }

    function _remove(address account, address employer) private {
        if (_entries[account].institution != employer || employer == account || employer == address(0)) {
            revert NotOperator(account, employer);
        }

        delete _entries[account];

        emit OperatorRemoved(employer, account);
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
        EntryWord own = _entries[account].load();
        institution_ = own.institution();
        if (institution_ == address(0)) return (address(0), 0, Standing.Unknown);

        EntryWord employer = institution_ == account ? own : _entries[institution_].load();
        // The institution's own state goes before its operator's: it is the graver news.
        if (employer.suspended()) return (institution_, 0, Standing.Suspended);
        if (employer.until() <= block.timestamp) return (institution_, 0, Standing.Expired);
        if (own.until() <= block.timestamp) return (institution_, 0, Standing.OperatorExpired);
        return (institution_, own.roles() & employer.roles(), Standing.Licensed);
    }

    /// @inheritdoc IInstitutions
    function institution(address account) external view returns (Institution memory record) {
        EntryWords.Entry memory entry = _entries[account];
        if (entry.institution != account || account == address(0)) return record;
        return
            Institution(_handles[account], entry.roles, entry.until, _suspendedAt[account], _encryptionKeys[account]);
    }

    /// @inheritdoc IInstitutions
    function operator(address account) external view returns (Operator memory record) {
        EntryWords.Entry memory entry = _entries[account];
        if (entry.institution == account) return record;
        return Operator(entry.institution, entry.roles, entry.until);
    }

    /// @inheritdoc IInstitutions
    function byHandle(bytes32 handle) external view returns (address) {
        return _byHandle[handle];
    }

    function _known(address account) private view returns (EntryWords.Entry storage entry) {
        entry = _entries[account];
        if (entry.institution != account || account == address(0)) revert UnknownInstitution(account);
    }
}
