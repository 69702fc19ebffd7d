// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The insurers' money
/// @notice A **pool** belongs to an insurer, holds one ERC-20 and names the one contract (desk) that may pay from it. Whoever funds
/// a pool says which desk may spend the money; nobody, not the regulator either, can change that or take it out.
/// @dev Amounts are in the token's smallest unit and *accounted*: a token sent here by plain transfer belongs to no pool. The insurer
/// leaves only after an exit delay during which its funds still pay claims.
/// Warning: a token whose balances change by themselves (rebasing) breaks the accounting; one that takes a fee is refused when
/// funding.
interface ITreasury {
    /// @param balance what the pool can pay
    /// @param exiting how much of it the insurer has announced to withdraw
    /// @param exitFrom first second at which it may
    struct Pool {
        uint128 balance;
        uint128 exiting;
        uint40 exitFrom;
    }

    event PoolFunded(address indexed desk, address indexed insurer, address indexed token, address from, uint256 amount);
    event ExitAnnounced(address indexed desk, address indexed insurer, address indexed token, uint256 amount, uint40 exitFrom);
    event PoolExited(address indexed desk, address indexed insurer, address indexed token, uint256 amount);
    /// @param held true: the token refused the transfer, the amount waits for the payee in `collect`
    event Paid(
        bytes32 indexed ref,
        address indexed insurer,
        address indexed payee,
        address desk,
        address token,
        uint256 amount,
        bool held
    );
    event DebtAdded(
        bytes32 indexed ref, address indexed insurer, address indexed desk, address token, uint256 amount
    );
    event DebtSettled(
        bytes32 indexed ref, address indexed insurer, address indexed desk, address token, uint256 amount
    );
    event Collected(address indexed payee, address indexed token, uint256 amount);

    error ZeroAmount();
    error NotAnInsurer(address account);
    error InvalidDesk(address desk);
    error InvalidToken(address token);
    error ReceivedOther(address token, uint256 expected, uint256 received);
    error ExceedsBalance(uint256 asked, uint256 balance);
    error NoExit(address desk, address insurer, address token);
    error ExitNotOpen(uint40 opensAt, uint40 closesAt);
    error NothingHeld(address payee, address token);
    error ExceedsDebt(uint256 asked, uint256 debt);
    error GasTooLow(uint256 needed, uint256 left);

    /// @notice Seconds between announcing an exit and making it.
    function EXIT_DELAY() external view returns (uint40);

    /// @notice Seconds for which an announced exit stays open; then it must be announced anew.
    function EXIT_WINDOW() external view returns (uint40);

    /// @notice Most gas that a token gets for a payment; a payment needs a little more than this left when it begins.
    function TRANSFER_GAS() external view returns (uint256);

    /// @notice Adds to a pool, from the caller's balance (which must have approved this contract).
    /// @dev Reverts `NotAnInsurer` (never accredited as one; a suspended or expired one can be funded, for what it owes), `InvalidDesk` (no code), `InvalidToken` (no code), `ZeroAmount`,
    /// `ReceivedOther` (the token took a fee or lied).
    function fund(address desk, address insurer, address token, uint256 amount) external;

    /// @notice The insurer announces that it will withdraw; replaces an earlier announcement, 0 cancels it.
    /// @dev Caller: the insurer's own account or an operator with the role. Reverts `NotLicensed`, `ExceedsBalance`.
    function announceExit(address desk, address token, uint256 amount) external;

    /// @notice Withdraws what was announced, or what is left of it beyond what the pool owes, to the insurer's account.
    /// @dev Caller: the insurer's own account, licensed or not, since the money is its own. Reverts `NoExit`, `ExitNotOpen`,
    /// `ExceedsBalance` (nothing left).
    function exit(address desk, address token) external returns (uint256 amount);

    /// @notice Pays from the pool that names the caller as its desk.
    /// @dev A payee that cannot receive never blocks: the amount is then held for it. Only an empty pool makes it false; then
    /// nothing happened. `amount` 0 is true and moves nothing. Reverts `GasTooLow` when the token could not get `TRANSFER_GAS`:
    /// a caller must not starve a good transfer into a held amount.
    /// Warning: a smaller payment that comes later may be paid while an owed one waits for the pool to suffice.
    /// @param ref what is paid, e.g. the claim's id
    /// @return true when the payee has, or can collect, the amount
    function pay(address insurer, address token, address payee, uint256 amount, bytes32 ref) external returns (bool);

    /// @notice The calling desk notes that its pool owes what `pay` could not pay: an exit then leaves that much behind.
    /// @param ref what is owed, e.g. the claim's id
    function owe(address insurer, address token, uint256 amount, bytes32 ref) external;

    /// @notice As `pay`, for what was noted by `owe`; when true the debt is smaller by `amount`.
    /// @dev Reverts `ExceedsDebt` when the pool does not owe that much.
    function payOwed(address insurer, address token, address payee, uint256 amount, bytes32 ref)
        external
        returns (bool);

    /// @notice Sends the caller what was held for it.
    /// @dev Reverts `NothingHeld`, or as the token does.
    function collect(address token) external returns (uint256 amount);

    function pool(address desk, address insurer, address token) external view returns (Pool memory);

    /// @notice What the pool owes by `owe` and has not paid yet; an exit leaves at least this.
    function owed(address desk, address insurer, address token) external view returns (uint256);

    function held(address payee, address token) external view returns (uint256);

    /// @notice Sum of all pools and held amounts of a token; never more than the token balance of this contract.
    function accounted(address token) external view returns (uint256);
}
