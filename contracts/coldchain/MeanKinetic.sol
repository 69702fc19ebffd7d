// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title How much a temperature counts in a mean kinetic temperature
/// @dev No logarithm: the mean is at most a limit when the weights sum to at most the limit's own weight times the
/// time.
library MeanKinetic {
    /// @dev Fixed point with 100 fractional bits: 2^32 · e^(10,000/278.15 − 10,000/T) = 2^(`RISE` − `FALL` / T), T in
    /// 0.01 K.
    uint256 private constant BITS = 100;
    uint256 private constant FRACTION = (1 << BITS) - 1;
    uint256 private constant RISE = 106314710795625628190774344922890;
    uint256 private constant FALL = 1828833234529184422442202814989139279;
    int256 private constant KELVIN = 27315;

    /// @dev ⌊2^32 · e^(10,000/278.15 − 10,000/T)⌋. Exact for every hundredth of a degree that may be
    /// (tests/contracts/coldchain/test_mean_kinetic.py): a polynomial of degree 12 through the Chebyshev points of [0,
    /// 1) is off by less than any of them is from a whole number.
    /// @param celsius 0.01 °C, from −273.15 to 150.00
    function weight(int256 celsius) internal pure returns (uint256) {
        // Safe: 0 to 42,315; products of two numbers of 101 bits; an exponent below 51.
        unchecked {
            uint256 kelvin = uint256(celsius + KELVIN);
            if (kelvin == 0) return 0;
            uint256 fall = FALL / kelvin;
            if (fall > RISE) return 0;
            uint256 x = RISE - fall;
            uint256 f = x & FRACTION;
            uint256 power = 46133305719216064692;
            power = ((power * f) >> BITS) + 522161131894548642798;
            power = ((power * f) >> BITS) + 9014425668859250478127;
            power = ((power * f) >> BITS) + 128944332089797914797988;
            power = ((power * f) >> BITS) + 1675319606212061216621101;
            power = ((power * f) >> BITS) + 19335108126904664856952108;
            power = ((power * f) >> BITS) + 195262955475325651836428727;
            power = ((power * f) >> BITS) + 1690229296451946068877418858;
            power = ((power * f) >> BITS) + 12192427136696738987321645742;
            power = ((power * f) >> BITS) + 70359816664064230401794424519;
            power = ((power * f) >> BITS) + 304523275737436297793041348814;
            power = ((power * f) >> BITS) + 878668439483319549450172004840;
            power = ((power * f) >> BITS) + 1267650600228229401568216687130;
            return power >> (BITS - (x >> BITS));
        }
    }
}
