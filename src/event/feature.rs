//! Hot: the feature section: one float per configured feature.

use bytemuck::{Pod, Zeroable};

/// The most features that a host computes.
pub const FEATURES_MAX: usize = 40;

/// The feature section, for the instrument of the input.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(128))]
pub struct FeatureSection {
    /// TSC when the stage was done; 0 if not stamped. Not hashed.
    pub stamp: u64,
    /// Bit i: `values[i]` is warm. A value that is not warm is 0 and must not be used.
    pub warm: u64,
    /// Bit i: `values[i]` was computed anew with this input.
    pub updated: u64,
    /// Features in use.
    pub count: u32,
    /// Zero.
    pub reserved: u32,
    /// The values; NaN and infinities never: such a value is 0 and not warm.
    pub values: [f64; FEATURES_MAX],
    /// Zero.
    pub reserved2: [u64; 4],
}

impl FeatureSection {
    /// The value, if it is warm.
    #[inline]
    pub fn get(&self, index: usize) -> Option<f64> {
        if index < FEATURES_MAX && self.warm >> index & 1 == 1 { Some(self.values[index]) } else { None }
    }
}
