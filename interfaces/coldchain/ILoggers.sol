// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Temperature loggers: devices, their calibration, and the manufacturers' own signatures
/// @notice An owner (role LOGGER) registers its devices; a laboratory states each one's calibration, which ends; the
/// owner says when one is lost, replaced or retired. The regulator accredits models whose makers sign their exports,
/// and anyone may prove that a file was signed.
/// @dev A device is the account that signs its readings: an operator of its owner with the role LOGGER (see
/// IInstitutions), or the owner's own account. Whether that account may act now is for Institutions alone to say; this
/// contract knows what the thing is. Times are Unix seconds.
interface ILoggers {
    enum Condition {
        None, // never registered
        InService,
        Lost,
        Replaced, // by another device
        Retired
    }

    /// @param owner institution that registered it
    /// @param model id of a model, 0 when it is none of those that sign
    /// @param accuracy largest error within its range, 0.01 °C
    /// @param calibratedUntil first second at which its calibration no longer holds, 0 while it never did
    /// @param condition only what is in service may be paired with a shipment
    /// @param since when the condition began
    struct Device {
        address owner;
        uint16 model;
        uint16 accuracy;
        uint40 calibratedUntil;
        Condition condition;
        uint40 since;
    }

    /// @param x,y the maker's P-256 key for this model or production lot, big-endian
    /// @param trusted whether new files are accepted
    /// @param name hash of the model's public name
    struct Model {
        bytes32 x;
        bytes32 y;
        bytes32 name;
        bool trusted;
    }

    /// @param serial commitment to the serial number, salted
    event DeviceRegistered(
        address indexed device,
        address indexed owner,
        uint16 model,
        uint16 accuracy,
        bytes32 serial
    );
    /// @param certificate hash of the certificate
    event DeviceCalibrated(address indexed device, address indexed laboratory, uint40 until, bytes32 certificate);
    /// @param successor the device that replaces it, 0 when none does
    event DeviceConditionSet(address indexed device, Condition condition, address successor);
    event ModelAccredited(uint16 indexed model, bytes32 name, bytes32 x, bytes32 y);
    event ModelDistrusted(uint16 indexed model);
    event FileProven(bytes32 indexed file, uint16 indexed model);

    error DeviceExists(address device);
    error UnknownDevice(address device);
    error NotOwner(address device, address account);
    /// @notice The account is not licensed as a logger of this owner.
    error NotADevice(address device);
    error InvalidCalibration(uint40 until);
    error InvalidCondition(address device, Condition condition);
    error UnknownModel(uint16 model);
    error InvalidKey(bytes32 x, bytes32 y);
    error ModelNotTrusted(uint16 model);
    error InvalidFileSignature(bytes32 file, uint16 model);

    /// @notice The caller's institution (role LOGGER) registers a device that is licensed as its logger.
    /// @dev Reverts `NotLicensed` (caller), `NotADevice`, `DeviceExists`, `UnknownModel`.
    function register(address device, uint16 model, uint16 accuracy, bytes32 serial) external;

    /// @notice A laboratory (role LABORATORY) states until when a device's calibration holds, later or sooner than
    /// before.
    /// @dev Reverts `NotLicensed`, `UnknownDevice`, `InvalidCalibration` (past, or beyond the year 2105).
    function calibrate(address device, uint40 until, bytes32 certificate) external;

    /// @notice The owner says what became of a device. Nothing comes back from `Retired` or `Replaced`; what was lost
    /// may be found.
    /// @dev Reverts `NotLicensed`, `UnknownDevice` and `NotOwner` (the device or its successor), `InvalidCondition`
    /// (none, or the same again; after `Retired` or `Replaced`; a successor of what is not replaced, or one that is
    /// itself or not in service). Warning: readings from before stay evidence; its pairings are ended in IColdChain.
    /// @param successor with `Replaced`: the device that takes its place; otherwise 0
    function setCondition(address device, Condition condition, address successor) external;

    /// @notice Accredits a model's key: files that it signed count as the maker's own. Regulator's rule maker only.
    /// @dev One key serves many units: it proves the model, never the unit. Reverts `InvalidKey` (not on the curve).
    /// @return model number of the model, from 1
    function accreditModel(bytes32 name, bytes32 x, bytes32 y) external returns (uint16 model);

    /// @notice No further file of this model is accepted; what was proven stays. Regulator's registrar only: a stolen
    /// key must not wait.
    /// @dev Reverts `UnknownModel`, `ModelNotTrusted` (it was distrusted before). Whoever is trusted anew is accredited
    /// anew, under another number.
    function distrustModel(uint16 model) external;

    /// @notice Proves that a maker signed a file; anyone may, once for all. Again by the same model: nothing happens.
    /// @dev P-256 by the chain's precompile where it has one (some 65,000 gas in all), else in Solidity (some 315,000).
    /// What it does not prove: which unit wrote the file, and that the readings sent are those of the file; the device
    /// signs that (IColdChainTypes.Batch.file), and whoever has the file can compare. Reverts `UnknownModel`,
    /// `ModelNotTrusted`, `InvalidFileSignature`.
    /// @param file the digest that the maker signed (for Berlinger: SHA-256 of the export up to its signature, bytes
    /// reversed)
    /// @param r,s the signature, s at most half the order
    function proveFile(bytes32 file, uint16 model, bytes32 r, bytes32 s) external;

    function device(address account) external view returns (Device memory);

    function model(uint16 number) external view returns (Model memory);

    /// @notice The model whose key signed a file, 0 while nobody proved it; of several the one that was proven last.
    function provenBy(bytes32 file) external view returns (uint16 model);
}
