//! Edge: names of events in the stores: the process start and the sequence.
//!
//! The start comes first. Sequences go on over starts, but a start whose journal lost its last events (the power went, and they
//! were not synced) gives their numbers again to others; those must not look like the ones that a store already has.

use std::fmt;
use std::str::FromStr;

/// An entry's id. Ordered as Redis orders them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// The process start, from 1.
    pub epoch: u64,
    /// The sequence, from 1.
    pub sequence: u64,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.sequence)
    }
}

impl FromStr for Id {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, sequence) = text.split_once('-').ok_or(())?;
        let number = |text: &str| text.parse().map_err(|_| ());
        Ok(Self { epoch: number(epoch)?, sequence: number(sequence)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_back_and_a_later_start_is_later() {
        let id = Id { epoch: 3, sequence: 12 };
        assert_eq!((id.to_string().as_str(), "3-12".parse()), ("3-12", Ok(id)));
        assert!(Id { epoch: 2, sequence: 99 } < id && id < Id { epoch: 4, sequence: 1 });
        for bad in ["", "3", "3-", "-3", "3-x", "3-1-2"] {
            assert_eq!(bad.parse::<Id>(), Err(()), "{bad}");
        }
    }
}
