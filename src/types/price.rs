//! Hot: prices, quantities and money as integers. Never floats; floats are for features and models.

use bytemuck::{Pod, Zeroable};

/// A price in units of 10^-`price_decimals` of its instrument. May be zero or negative (spreads, some futures).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Px(pub i64);

/// A quantity in units of 10^-`qty_decimals` of its instrument. Positions are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Qty(pub i64);

/// An amount of an instrument's settlement currency in units of 10^-`money_decimals` of that instrument.
pub type Money = i128;

impl Px {
    /// The correctly rounded float of this price. Dividing by an exact power of ten gives the same bits at every
    /// scale, so a definition that gets finer later does not change a feature.
    #[inline]
    pub fn to_f64(self, price_decimals: u8) -> f64 {
        self.0 as f64 / pow10_f64(price_decimals)
    }
}

impl Qty {
    /// The correctly rounded float of this quantity.
    #[inline]
    pub fn to_f64(self, qty_decimals: u8) -> f64 {
        self.0 as f64 / pow10_f64(qty_decimals)
    }
}

/// 10^`n` as an integer; `n` is at most 18.
#[inline]
pub const fn pow10(n: u8) -> i64 {
    const TABLE: [i64; 19] = {
        let mut table = [1; 19];
        let mut i = 1;
        while i < 19 {
            table[i] = table[i - 1] * 10;
            i += 1;
        }
        table
    };
    if n < 19 { TABLE[n as usize] } else { i64::MAX }
}

/// 10^`n` as a float, exact for `n` up to 22.
#[inline]
pub fn pow10_f64(n: u8) -> f64 {
    const TABLE: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ];
    TABLE[(n as usize).min(22)]
}

crate::code_enum! {
    /// Side of an order or of a trade's aggressor (FIX Side 54).
    pub enum Side {
        /// Buy.
        Buy = 1, "buy";
        /// Sell.
        Sell = 2, "sell";
    }
}

impl Side {
    /// +1 for a buy, −1 for a sell.
    #[inline]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }

    /// The other side.
    #[inline]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}
