//! Hot: from the day's stock locate to the instrument: one array of 65 536 entries.

use crate::types::ids::InstrumentId;

/// What is known of a locate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// No message has named its stock yet.
    Unnamed,
    /// The venue's directory (message R) named it: the capture has the whole day of this stock.
    Listed,
    /// Some other message named it, so the capture may have begun in the middle of the day.
    Named,
    /// A test symbol.
    Test,
    /// Not among the definitions that the host was given, or there is no room for it.
    Refused,
}

/// One stock locate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The symbol as it was sent, padded; zero if unnamed.
    pub stock: [u8; 8],
    /// The instrument, or `NONE` unless listed or named.
    pub instrument: InstrumentId,
    /// What is known.
    pub standing: Standing,
    /// Code of the `TradingState` of the last trading action (H); 0 = none seen.
    pub state: u8,
    /// Whether an operational halt (h) of this market is in force.
    pub operational_halt: bool,
}

impl Entry {
    const UNNAMED: Self = Self {
        stock: [0; 8],
        instrument: InstrumentId::NONE,
        standing: Standing::Unnamed,
        state: 0,
        operational_halt: false,
    };
}

/// All locates of the day.
#[derive(Debug)]
pub(super) struct Locates(Box<[Entry]>);

impl Locates {
    pub fn new() -> Self {
        Self(vec![Entry::UNNAMED; 1 << 16].into_boxed_slice())
    }

    /// The entry of `locate`. The array has one for every 16-bit number.
    #[inline]
    pub fn get(&mut self, locate: u16) -> &mut Entry {
        &mut self.0[locate as usize]
    }

    /// Binds `locate` to `stock` anew; halts of an earlier stock are forgotten.
    pub fn bind(&mut self, locate: u16, stock: [u8; 8], instrument: InstrumentId, standing: Standing) -> &mut Entry {
        let entry = self.get(locate);
        if entry.stock != stock {
            *entry = Entry::UNNAMED;
        }
        entry.stock = stock;
        entry.instrument = instrument;
        entry.standing = standing;
        entry
    }
}
