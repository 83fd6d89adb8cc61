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
    /// Makes room for `count` values, at most [`FEATURES_MAX`], which the caller writes all: nothing is warm, nothing updated.
    /// What is behind them is only written where an older slot had another number: it is zero all the time, and costs no
    /// cache line that another core has read since.
    #[inline]
    pub fn clear(&mut self, count: usize) {
        let count = count.min(FEATURES_MAX) as u32;
        if self.count != count {
            *self = Self { stamp: self.stamp, count, ..Self::zeroed() };
        }
        (self.warm, self.updated) = (0, 0);
        debug_assert!(
            self.values[count as usize..].iter().all(|value| value.to_bits() == 0),
            "nothing behind the last"
        );
    }

    /// The value, if it is warm.
    #[inline]
    pub fn get(&self, index: usize) -> Option<f64> {
        if index < FEATURES_MAX && self.warm >> index & 1 == 1 { Some(self.values[index]) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_number_of_values_leaves_nothing_behind() {
        let mut section = FeatureSection::zeroed();
        for count in [3, FEATURES_MAX, 3, 0, FEATURES_MAX + 1] {
            section.clear(count);
            let count = count.min(FEATURES_MAX);
            assert_eq!((section.count as usize, section.warm, section.updated), (count, 0, 0));
            assert!(section.values[count..].iter().all(|value| value.to_bits() == 0));
            // What the stage then writes.
            section.values[..count].fill(1.5);
            (section.stamp, section.warm, section.updated) = (7, u64::MAX, u64::MAX);
        }
        assert_eq!(section.stamp, 7, "the stamp is somebody else's");
    }
}
