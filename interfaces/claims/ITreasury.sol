// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The insurers' money
/// @notice A **pool** belongs to an insurer, holds one ERC-20 and names the one contract (desk) that may pay from it.
/// Whoever funds a pool says which desk may spend the money; nobody, not the regulator either, can change that or take
/// it out. What the pool cannot pay it **owes**, and pays oldest first: nothing new is paid while a debt waits. What a
/// desk **reserves** for a payment that is still under review is out of reach for everything else. What a payee must
/// give back is **set off** against what it is paid next.
/// @dev Amounts are in the token's smallest unit and *accounted*: a token sent here by plain transfer belongs to no
/// pool. The insurer leaves only after an exit delay during which its funds still pay claims. Warning: a token whose
/// balances change by themselves (rebasing) breaks the accounting; one that takes a fee is refused when funding.
interface ITreasury {
    /// @param balance what the pool can pay
    /// @param exiting how much of it the insurer has announced to withdraw
    /// @param exitFrom first second at which it may
    /// @param reserved beside the balance: kept for payments under review
    /// @param owed sum of the debts that wait
    /// @param waiting how many debts wait
    /// @param haltedUntil first second at which it pays again, when its insurer halted it; else 0
    struct Pool {
        uint104 balance;
        uint104 exiting;
        uint40 exitFrom;
        uint104 reserved;
        uint104 owed;
        uint24 waiting;
        uint40 haltedUntil;
    }

    /// @param amount 0: paid or cancelled
    struct Debt {
        address payee;
        uint96 amount;
        bytes32 ref;
    }

    event PoolFunded(
        address indexed desk,
        address indexed insurer,
        address indexed token,
        address from,
        uint256 amount
    );
    /// @param until first second at which the pool pays again; 0: at once
    event PoolHalted(address indexed desk, address indexed insurer, address indexed token, uint40 until);
    event ExitAnnounced(
        address indexed desk,
        address indexed insurer,
        address indexed token,
        uint256 amount,
        uint40 exitFrom
    );
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
    event Reserved(bytes32 indexed ref, address indexed insurer, address indexed desk, address token, uint256 amount);
    event Released(bytes32 indexed ref, address indexed insurer, address indexed desk, address token, uint256 amount);
    event DebtAdded(
        bytes32 indexed ref,
        address indexed insurer,
        address indexed payee,
        address desk,
        address token,
        uint256 amount,
        uint64 position
    );
    /// @notice The debt is no more: it is being paid, or (`cancelled`) its desk took it back.
    event DebtSettled(
        bytes32 indexed ref,
        address indexed insurer,
        address indexed desk,
        address token,
        uint64 position,
        bool cancelled
    );
    event SetOffAdded(
        bytes32 indexed ref,
        address indexed insurer,
        address indexed payee,
        address desk,
        address token,
        uint256 amount
    );
    /// @notice So much of a payment stayed in the pool, or came back to it (`repaid`).
    event SetOffTaken(
        bytes32 indexed ref,
        address indexed insurer,
        address indexed payee,
        address desk,
        address token,
        uint256 amount,
        bool repaid
    );
    event Collected(address indexed payee, address indexed token, uint256 amount);

    error ZeroAmount();
    error NotAnInsurer(address account);
    error InvalidDesk(address desk);
    error InvalidToken(address token);
    error ReceivedOther(address token, uint256 expected, uint256 received);
    /// @notice A permit did not serve, and there is no allowance either.
    error NotAllowed(address token, uint256 amount, uint256 allowed);
    error HaltTooLong(uint40 until, uint256 most);
    /// @notice The insurer stopped the pool's payments.
    error Halted(address desk, address insurer, address token, uint40 until);
    error ExceedsBalance(uint256 asked, uint256 balance);
    error NoExit(address desk, address insurer, address token);
    error ExitNotOpen(uint40 opensAt, uint40 closesAt);
    error NothingHeld(address payee, address token);
    error NothingOwed(address desk, address insurer, address token);
    /// @notice The oldest debt is `due`, the pool has `balance`.
    error PoolShort(uint256 due, uint256 balance);
    error ExceedsReserve(uint256 asked, uint256 reserved);
    error ExceedsSetOff(uint256 asked, uint256 due);
    /// @notice A token that is called for this pool calls back for another payment from it.
    error PoolBusy(address desk, address insurer, address token);
    error GasTooLow(uint256 needed, uint256 left);

    /// @notice Seconds between announcing an exit and making it.
    function EXIT_DELAY() external view returns (uint40);

    /// @notice Seconds for which an announced exit stays open; then it must be announced anew.
    function EXIT_WINDOW() external view returns (uint40);

    /// @notice Most seconds for which a pool can be halted at a time.
    function MAX_HALT() external view returns (uint40);

    /// @notice Most gas that a token gets for a payment; a payment needs a little more than this left when it begins.
    function TRANSFER_GAS() external view returns (uint256);

    // ---- the insurer, and anyone for it --------------------------------------------------------------------------

    /// @notice Adds to a pool, from the caller's balance (which must have approved this contract).
    /// @dev Reverts `NotAnInsurer` (never accredited as one; a suspended or expired one can be funded, for what it
    /// owes), `InvalidDesk` (no code), `InvalidToken` (no code), `ZeroAmount`, `ReceivedOther` (the token took a fee or
    /// lied).
    function fund(address desk, address insurer, address token, uint256 amount) external;

    /// @notice The same with a permit (EIP-2612) of the caller for `amount` to this contract, in place of an approval
    /// before.
    /// @dev A permit that does not serve harms nobody who has approved otherwise, or whose permit somebody else has
    /// used before. Reverts
    /// `NotAllowed`, else as `fund`.
    /// @param deadline with `v`, `r`, `s`: the permit
    function fundWithPermit(
        address desk,
        address insurer,
        address token,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice The insurer stops all payments of a pool until a time (a circuit breaker: a provider's key was stolen, a
    /// price is wrong), or lets them go on.
    /// @dev What becomes due meanwhile is owed, and paid in its order afterwards; reserving, reversing, funding and a
    /// due exit (of what is not owed) go on. It ends by itself: to stop longer the insurer must say so again. Caller:
    /// the insurer's own account or an operator with the role. Reverts `NotLicensed`, `HaltTooLong`.
    /// @param until first second at which the pool pays again, 0 or a past one: now
    function halt(address desk, address token, uint40 until) external;

    /// @notice The insurer announces that it will withdraw; replaces an earlier announcement, 0 cancels it.
    /// @dev Caller: the insurer's own account or an operator with the role. Reverts `NotLicensed`, `ExceedsBalance`.
    function announceExit(address desk, address token, uint256 amount) external;

    /// @notice Withdraws what was announced, or what is left of it beyond what the pool owes, to the insurer's account.
    /// @dev Caller: the insurer's own account, licensed or not, since the money is its own. What is reserved stays.
    /// Reverts `NoExit`, `ExitNotOpen`, `ExceedsBalance` (nothing left).
    function exit(address desk, address token) external returns (uint256 amount);

    /// @notice Pays debts of a pool, oldest first, as far as it suffices, and looks at `count` at most (cancelled ones
    /// among them), until none waits; by anyone's call.
    /// @dev Reverts `NothingOwed`, `Halted`, `PoolShort` (the oldest cannot be paid, and no cancelled one was passed
    /// over).
    /// @return paid how many debts were paid
    function settle(address desk, address insurer, address token, uint256 count) external returns (uint256 paid);

    // ---- the desk ------------------------------------------------------------------------------------------------

    /// @notice Pays from the pool that names the caller as its desk, less what the payee has to give back.
    /// @dev A payee that cannot receive never blocks: the amount is then held for it. Only a pool that is short, owes
    /// something older or is halted makes it false; then nothing happened. `amount` 0 is true and moves nothing.
    /// Reverts `GasTooLow` when the token could not get `TRANSFER_GAS`: a caller must not starve a good transfer into a
    /// held amount.
    /// @param ref what is paid, e.g. the claim's id; of several that are paid together, the first
    /// @return true when the payee has, or can collect, the amount
    function pay(address insurer, address token, address payee, uint256 amount, bytes32 ref) external returns (bool);

    /// @notice Notes that the pool owes what `pay` could not pay.
    /// @dev Reverts `ZeroAmount`.
    /// @return position of the debt in the pool's queue, from 0
    function owe(
        address insurer,
        address token,
        address payee,
        uint96 amount,
        bytes32 ref
    ) external returns (uint64 position);

    /// @notice Takes back a debt that still waits.
    /// @return true when it did; false when it is already paid
    function cancel(address insurer, address token, uint64 position) external returns (bool);

    /// @notice Moves an amount from the balance to the reserve.
    /// @return false when the pool is short, or owes something older; then nothing happened
    function reserve(address insurer, address token, uint256 amount, bytes32 ref) external returns (bool);

    /// @notice Moves it back, and pays `due` at once; as far as the reserve goes, ahead of what the pool owes.
    /// @dev Otherwise as `pay`. Reverts `ExceedsReserve`.
    /// @return false when `due` could not be paid: the pool is halted; or `due` exceeds what was reserved, and the pool
    /// is short or owes something older
    function release(
        address insurer,
        address token,
        uint256 amount,
        address payee,
        uint256 due,
        bytes32 ref
    ) external returns (bool);

    /// @notice What a payee has to give back: it is taken off what the pool pays it next.
    /// @dev Reverts `ZeroAmount`.
    function setOff(address insurer, address token, address payee, uint256 amount, bytes32 ref) external;

    // ---- the payee, and anyone for it ----------------------------------------------------------------------------

    /// @notice Gives back what a payee has to, from the caller's balance (which must have approved this contract).
    /// @dev Reverts `ZeroAmount`, `ExceedsSetOff`, `ReceivedOther`.
    function repay(address desk, address insurer, address token, address payee, uint256 amount) external;

    /// @notice Sends the caller what was held for it.
    /// @dev Reverts `NothingHeld`, or as the token does.
    function collect(address token) external returns (uint256 amount);

    // ---- views ---------------------------------------------------------------------------------------------------

    function pool(address desk, address insurer, address token) external view returns (Pool memory);

    function debt(address desk, address insurer, address token, uint64 position) external view returns (Debt memory);

    /// @notice What a payee has to give back to a pool.
    function setOffOf(address desk, address insurer, address token, address payee) external view returns (uint256);

    function held(address payee, address token) external view returns (uint256);
}
