//! Hot: an instrument's definition as an input.

use super::input::{Input, InputKind};
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::instrument::{Calendar, Contract, Instrument, Symbol, VenueKind};
use crate::types::price::{Px, Qty};
use crate::types::time::UnixNanos;
use bytemuck::{Pod, Zeroable};

/// Payload of [`InputKind::Definition`]. A second definition of an id may only make its scales finer, and then every
/// stage multiplies what it holds by 10^(new − old), exactly.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Definition {
    /// Smallest price step in price units.
    pub tick_size: Px,
    /// Smallest quantity step in quantity units.
    pub lot_size: Qty,
    /// See `Instrument::multiplier`.
    pub multiplier: i64,
    /// Maker fee in 10⁻⁶.
    pub maker_fee_ppm: i32,
    /// Taker fee in 10⁻⁶.
    pub taker_fee_ppm: i32,
    /// The symbol's bytes.
    pub symbol: [u8; 32],
    /// How many of them.
    pub symbol_len: u8,
    /// Code of a `VenueKind`.
    pub venue: u8,
    /// Code of a `Contract`.
    pub contract: u8,
    /// Code of a `Calendar`.
    pub calendar: u8,
    /// Decimals of prices.
    pub price_decimals: u8,
    /// Decimals of quantities.
    pub qty_decimals: u8,
    /// Decimals to show in prices.
    pub price_shown: u8,
    /// Decimals to show in quantities.
    pub qty_shown: u8,
    /// 1 if inferred from a capture.
    pub inferred: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

impl Definition {
    /// The payload for `instrument`.
    pub fn of(instrument: &Instrument) -> Self {
        let mut symbol = [0; 32];
        let name = instrument.symbol.as_bytes();
        symbol[..name.len()].copy_from_slice(name);
        Self {
            tick_size: instrument.tick_size,
            lot_size: instrument.lot_size,
            multiplier: instrument.multiplier,
            maker_fee_ppm: instrument.maker_fee_ppm,
            taker_fee_ppm: instrument.taker_fee_ppm,
            symbol,
            symbol_len: name.len() as u8,
            venue: instrument.venue.code(),
            contract: instrument.contract.code(),
            calendar: instrument.calendar.code(),
            price_decimals: instrument.price_decimals,
            qty_decimals: instrument.qty_decimals,
            price_shown: instrument.price_shown,
            qty_shown: instrument.qty_shown,
            inferred: u8::from(instrument.inferred),
            reserved: [0; 7],
        }
    }

    /// The input that defines `instrument`.
    pub fn input(instrument: &Instrument, ts_recv: UnixNanos) -> Input {
        Input::new(InputKind::Definition, SourceId::HOST, instrument.id, ts_recv, &Self::of(instrument))
    }

    /// The instrument, or `None` if the bytes are not a definition (a damaged journal).
    pub fn instrument(&self, id: InstrumentId) -> Option<Instrument> {
        let symbol = core::str::from_utf8(self.symbol.get(..self.symbol_len as usize)?).ok()?;
        if self.price_decimals > 18
            || self.qty_decimals > 18
            || self.tick_size.0 < 1
            || self.lot_size.0 < 1
            || self.multiplier < 1
        {
            return None;
        }
        Some(Instrument {
            id,
            symbol: Symbol::from(symbol).ok()?,
            venue: VenueKind::from_code(self.venue)?,
            contract: Contract::from_code(self.contract)?,
            calendar: Calendar::from_code(self.calendar)?,
            price_decimals: self.price_decimals,
            qty_decimals: self.qty_decimals,
            price_shown: self.price_shown,
            qty_shown: self.qty_shown,
            tick_size: self.tick_size,
            lot_size: self.lot_size,
            multiplier: self.multiplier,
            maker_fee_ppm: self.maker_fee_ppm,
            taker_fee_ppm: self.taker_fee_ppm,
            inferred: self.inferred != 0,
        })
    }
}
