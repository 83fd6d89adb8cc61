//! Hot: the directory of instruments: from the venue's symbol to the definition, in a few nanoseconds.

use crate::types::decimal::{DECIMALS_MAX, rescale};
use crate::types::ids::InstrumentId;
use crate::types::instrument::{Calendar, Contract, Instrument, Symbol, VenueKind};
use crate::types::price::{Px, Qty};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// Why an instrument could not be defined or refined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// More instruments than the host was set up for.
    #[error("more instruments than `instruments_max`")]
    Full,
    /// Longer than 32 bytes or not UTF-8.
    #[error("not a symbol")]
    BadSymbol,
    /// A new symbol, while the directory holds the definitions that were given.
    #[error("the symbol is not in the given definitions")]
    Closed,
    /// The scale is beyond what 64 bits hold.
    #[error("the scale is beyond what 64 bits hold")]
    Scale,
}

/// A symbol of 4 to 16 bytes as two words and its length, which are equal only for the same symbol: compared in a few
/// instructions, where a comparison of bytes would be a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    len: usize,
    front: u64,
    back: u64,
}

impl Key {
    /// `None` for a symbol of another length.
    #[inline(always)]
    fn of(symbol: &[u8]) -> Option<Self> {
        let len = symbol.len();
        if len > 16 {
            return None;
        }
        // The two overlap, so that together they are all of it.
        if let (Some(front), Some(back)) = (symbol.first_chunk::<8>(), symbol.last_chunk::<8>()) {
            return Some(Self { len, front: u64::from_le_bytes(*front), back: u64::from_le_bytes(*back) });
        }
        let (front, back) = (symbol.first_chunk::<4>()?, symbol.last_chunk::<4>()?);
        let word = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
        Some(Self { len, front: word(front), back: word(back) })
    }
}

/// Instruments that are looked through before a symbol is hashed.
const FIRST: usize = 4;

/// All instruments of the host. Ids are dense and given in the order of definition.
#[derive(Debug)]
pub struct Directory {
    instruments: Vec<Instrument>,
    /// Keys of the first instruments.
    first: [Option<(Key, VenueKind)>; FIRST],
    by_symbol: HashMap<(VenueKind, Symbol), InstrumentId, FxBuildHasher>,
    catalogue: HashMap<(VenueKind, Symbol), Instrument, FxBuildHasher>,
    instruments_max: usize,
    open: bool,
}

impl Directory {
    /// Room for `instruments_max`. An `open` directory takes new symbols as they turn up (bare captures); a closed one
    /// has only what [`define`](Self::define) was given before [`close`](Self::close).
    pub fn new(instruments_max: usize) -> Self {
        Self {
            instruments: Vec::with_capacity(instruments_max),
            first: [None; FIRST],
            by_symbol: HashMap::with_capacity_and_hasher(instruments_max, FxBuildHasher),
            catalogue: HashMap::default(),
            instruments_max,
            open: true,
        }
    }

    /// Adds definitions that hold once their symbol turns up (a venue's exchangeInfo lists thousands; the host carries
    /// only those that it sees). With a catalogue, symbols of its venues that it does not list are unknown. Allocates:
    /// for start-up and for definition frames.
    pub fn catalogue(&mut self, instruments: impl IntoIterator<Item = Instrument>) {
        for instrument in instruments {
            self.catalogue.insert((instrument.venue, instrument.symbol), instrument);
        }
    }

    /// How many definitions wait for their symbol.
    pub fn catalogue_len(&self) -> usize {
        self.catalogue.len()
    }

    /// From now on unknown symbols are errors.
    pub fn close(&mut self) {
        self.open = false;
    }

    /// All instruments, by id.
    pub fn all(&self) -> &[Instrument] {
        &self.instruments
    }

    /// The instrument with this id.
    #[inline]
    pub fn get(&self, id: InstrumentId) -> Option<&Instrument> {
        self.instruments.get(id.index())
    }

    /// The instrument with this symbol at this venue.
    #[inline]
    pub fn find(&self, venue: VenueKind, symbol: &[u8]) -> Option<&Instrument> {
        // One feed mostly has few instruments: a scan of the first ones beats hashing.
        if let Some(key) = Key::of(symbol) {
            for (known, instrument) in self.first.iter().zip(&self.instruments) {
                if *known == Some((key, venue)) {
                    return Some(instrument);
                }
            }
        }
        let symbol = Symbol::from(core::str::from_utf8(symbol).ok()?).ok()?;
        self.by_symbol.get(&(venue, symbol)).map(|id| &self.instruments[id.index()])
    }

    /// Adds `instrument` under the next id, or replaces the definition of one that is there (then the id stays).
    ///
    /// # Errors
    /// [`DirectoryError::Full`].
    pub fn define(&mut self, mut instrument: Instrument) -> Result<InstrumentId, DirectoryError> {
        let key = (instrument.venue, instrument.symbol);
        if let Some(&id) = self.by_symbol.get(&key) {
            instrument.id = id;
            self.instruments[id.index()] = instrument;
            return Ok(id);
        }
        if self.instruments.len() >= self.instruments_max {
            return Err(DirectoryError::Full);
        }
        instrument.id = InstrumentId(self.instruments.len() as u32);
        if let Some(place) = self.first.get_mut(self.instruments.len()) {
            *place = Key::of(instrument.symbol.as_bytes()).map(|key| (key, instrument.venue));
        }
        self.instruments.push(instrument);
        self.by_symbol.insert(key, instrument.id);
        Ok(instrument.id)
    }

    /// Adds an instrument of which only the symbol and the decimals of its first numbers are known.
    ///
    /// A symbol of the [`catalogue`](Self::catalogue) gets the definition from there instead.
    ///
    /// # Errors
    /// [`DirectoryError::Closed`] when definitions were given and this is not among them.
    pub fn infer(
        &mut self,
        venue: VenueKind,
        symbol: &[u8],
        price_decimals: u8,
        qty_decimals: u8,
    ) -> Result<Instrument, DirectoryError> {
        if !self.open {
            return Err(DirectoryError::Closed);
        }
        let text = core::str::from_utf8(symbol).map_err(|_| DirectoryError::BadSymbol)?;
        let name = Symbol::from(text).map_err(|_| DirectoryError::BadSymbol)?;
        if !self.catalogue.is_empty() {
            let listed = *self.catalogue.get(&(venue, name)).ok_or(DirectoryError::Closed)?;
            let id = self.define(listed)?;
            return Ok(self.instruments[id.index()]);
        }
        let instrument = Instrument {
            id: InstrumentId::NONE,
            symbol: name,
            venue,
            contract: if venue == VenueKind::BinanceCoinm { Contract::Inverse } else { Contract::Linear },
            calendar: match venue {
                VenueKind::Nasdaq | VenueKind::Lobster => Calendar::UsEquities,
                _ => Calendar::Crypto,
            },
            price_decimals,
            qty_decimals,
            price_shown: price_decimals,
            qty_shown: qty_decimals,
            tick_size: Px(1),
            lot_size: Qty(1),
            // COIN-M contracts are 100 USD (BTC) or 10 USD (all others).
            multiplier: match venue {
                VenueKind::BinanceCoinm if text.starts_with("BTCUSD") => 100,
                VenueKind::BinanceCoinm => 10,
                _ => 1,
            },
            maker_fee_ppm: match venue {
                VenueKind::BinanceSpot => 1000,
                VenueKind::Nasdaq | VenueKind::Lobster => 0,
                _ => 200,
            },
            taker_fee_ppm: match venue {
                VenueKind::BinanceSpot => 1000,
                VenueKind::Nasdaq | VenueKind::Lobster => 0,
                _ => 500,
            },
            inferred: true,
        };
        let id = self.define(instrument)?;
        Ok(self.instruments[id.index()])
    }

    /// Makes the scales of an instrument at least as fine as asked; the tick and lot of an *inferred* instrument become
    /// one unit of the new scale, a given tick or lot keeps its value.
    ///
    /// # Errors
    /// [`DirectoryError::Scale`].
    pub fn refine(
        &mut self,
        id: InstrumentId,
        price_decimals: u8,
        qty_decimals: u8,
    ) -> Result<Instrument, DirectoryError> {
        let instrument = self.instruments.get_mut(id.index()).ok_or(DirectoryError::BadSymbol)?;
        if price_decimals > DECIMALS_MAX || qty_decimals > DECIMALS_MAX {
            return Err(DirectoryError::Scale);
        }
        let mut finer = *instrument;
        let price_by = price_decimals.saturating_sub(finer.price_decimals);
        let qty_by = qty_decimals.saturating_sub(finer.qty_decimals);
        finer.price_decimals += price_by;
        finer.qty_decimals += qty_by;
        finer.price_shown = finer.price_shown.max(price_decimals);
        finer.qty_shown = finer.qty_shown.max(qty_decimals);
        if !finer.inferred {
            finer.tick_size = Px(rescale(finer.tick_size.0, price_by).ok_or(DirectoryError::Scale)?);
            finer.lot_size = Qty(rescale(finer.lot_size.0, qty_by).ok_or(DirectoryError::Scale)?);
        }
        *instrument = finer;
        Ok(finer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_by_venue_and_symbol() {
        let mut directory = Directory::new(8);
        for i in 0..7 {
            directory.infer(VenueKind::BinanceSpot, format!("S{i}").as_bytes(), 2, 3).unwrap();
        }
        let last = directory.infer(VenueKind::BinanceUsdm, b"S0", 1, 0).unwrap();
        assert_eq!(last.id, InstrumentId(7));
        assert_eq!(directory.find(VenueKind::BinanceUsdm, b"S0").unwrap().id, InstrumentId(7));
        assert_eq!(directory.find(VenueKind::BinanceSpot, b"S6").unwrap().id, InstrumentId(6));
        assert!(directory.find(VenueKind::BinanceSpot, b"S7").is_none());
        assert_eq!(directory.infer(VenueKind::BinanceSpot, b"S8", 0, 0), Err(DirectoryError::Full));
        directory.close();
        assert_eq!(directory.infer(VenueKind::BinanceSpot, b"S9", 0, 0), Err(DirectoryError::Closed));
    }

    #[test]
    fn symbols_of_every_length_are_told_apart() {
        let all: Vec<String> = (1..=32usize)
            .flat_map(|len| ["A".repeat(len), format!("{}B", "A".repeat(len - 1)), format!("B{}", "A".repeat(len - 1))])
            .collect();
        for around in all.windows(FIRST) {
            let mut directory = Directory::new(FIRST);
            let known: std::collections::BTreeSet<&String> = around.iter().collect();
            for symbol in &known {
                directory.infer(VenueKind::BinanceSpot, symbol.as_bytes(), 2, 3).unwrap();
            }
            for symbol in &all {
                let found = directory.find(VenueKind::BinanceSpot, symbol.as_bytes());
                assert_eq!(found.map(|found| found.symbol.as_str()), known.get(symbol).map(|known| known.as_str()));
                assert!(directory.find(VenueKind::BinanceUsdm, symbol.as_bytes()).is_none());
            }
        }
    }

    #[test]
    fn refining_keeps_given_ticks_and_ids() {
        let mut directory = Directory::new(2);
        let mut given = directory.infer(VenueKind::BinanceSpot, b"A", 1, 0).unwrap();
        given.inferred = false;
        given.tick_size = Px(5);
        directory.define(given).unwrap();
        let finer = directory.refine(given.id, 3, 2).unwrap();
        assert_eq!(
            (finer.id, finer.price_decimals, finer.qty_decimals, finer.tick_size, finer.lot_size),
            (given.id, 3, 2, Px(500), Qty(100))
        );
        assert_eq!(directory.refine(given.id, 1, 0).unwrap(), finer, "never coarser");
        assert_eq!(directory.refine(given.id, 19, 0), Err(DirectoryError::Scale));
    }
}
