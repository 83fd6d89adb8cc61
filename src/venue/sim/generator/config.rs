//! Hot: configuration of the generated market, and what it means in ticks and lots.

use crate::types::decimal::Decimal;
use crate::types::ids::InstrumentId;
use crate::types::instrument::{Calendar, Contract, Instrument, Symbol, VenueKind};
use crate::types::price::{Px, Qty};
use crate::types::time::{MILLIS, Nanos, SECONDS};
use crate::venue::sim::SimError;
use crate::venue::sim::matching::{Rules, UNITS_MAX};
use serde::{Deserialize, Serialize};

/// The generated market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeneratorConfig {
    /// Seed: the same seed gives the same market, byte for byte.
    pub seed: u64,
    /// What trades. Instrument ids follow this order, from 0.
    pub instruments: Vec<GeneratedInstrument>,
    /// Depth messages collect the changes of this many nanoseconds; 0 = one for each change. Binance: 100 ms.
    pub depth_interval_ns: Nanos,
    /// From the start, or from a request, to the reading of the book that a snapshot shows.
    pub snapshot_delay_ns: Nanos,
    /// Between two mark prices.
    pub mark_interval_ns: Nanos,
    /// Also publish each one-minute bar when it closes.
    pub klines: bool,
    /// Fee of our resting orders in 10⁻⁶ of the notional.
    pub maker_fee_ppm: i32,
    /// Fee of our taking orders in 10⁻⁶ of the notional.
    pub taker_fee_ppm: i32,
    /// Orders of ours that are refused at random, in 10⁻⁶.
    pub reject_ppm: u32,
    /// Most open orders of ours per instrument.
    pub orders_max: u32,
}

impl Default for GeneratorConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            instruments: vec![
                GeneratedInstrument::default(),
                GeneratedInstrument {
                    symbol: "ETHUSDT".into(),
                    start_price: "2600.00".into(),
                    tick: "0.01".into(),
                    ..GeneratedInstrument::default()
                },
            ],
            depth_interval_ns: 100 * MILLIS,
            snapshot_delay_ns: 250 * MILLIS,
            mark_interval_ns: 3 * SECONDS,
            klines: false,
            maker_fee_ppm: 200,
            taker_fee_ppm: 500,
            reject_ppm: 0,
            orders_max: 256,
        }
    }
}

/// One generated instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeneratedInstrument {
    /// Symbol: 1 to 32 upper-case letters, digits or `_`.
    pub symbol: String,
    /// First fair value; at least 1000 ticks.
    pub start_price: String,
    /// Smallest price step; prices are written with its decimals.
    pub tick: String,
    /// Smallest quantity step; quantities are written with its decimals.
    pub lot: String,
    /// Mean number of agents' actions in a second of a calm market. 0.1..=1 000 000.
    pub events_per_s: f64,
    /// Standard deviation of the fair value after one calm second, in ticks. 0..=1000.
    pub volatility_ticks: f64,
    /// Mean size of an ordinary order in lots. 1..=1 000 000.
    pub size_lots: f64,
    /// Market makers. 1..=16.
    pub makers: u32,
}

impl Default for GeneratedInstrument {
    fn default() -> Self {
        Self {
            symbol: "BTCUSDT".into(),
            start_price: "60000.00".into(),
            tick: "0.10".into(),
            lot: "0.001".into(),
            events_per_s: 200.0,
            volatility_ticks: 8.0,
            size_lots: 60.0,
            makers: 4,
        }
    }
}

/// A checked instrument.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) instrument: Instrument,
    pub(super) rules: Rules,
    /// First fair value in ticks.
    pub(super) start_ticks: i64,
    pub(super) config: GeneratedInstrument,
}

/// Room for all agents' orders of one instrument.
const AGENT_ORDERS_MAX: u32 = 4096;

impl Spec {
    /// Checks instrument number `at` of `config`; `start_price` replaces the configured one and is rounded to a tick.
    pub(super) fn new(config: &GeneratorConfig, at: usize, start_price: Option<&str>) -> Result<Self, SimError> {
        let one = &config.instruments[at];
        let fail = |what| SimError::Generator { symbol: one.symbol.clone(), what };
        let readable = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_';
        if one.symbol.is_empty() || !one.symbol.bytes().all(readable) {
            return Err(fail("the symbol must be upper-case letters, digits or _"));
        }
        let symbol = Symbol::from(&one.symbol).map_err(|_| fail("the symbol is longer than 32"))?;
        let tick = Decimal::parse(one.tick.as_bytes()).map_err(|_| fail("tick is not a decimal"))?;
        let lot = Decimal::parse(one.lot.as_bytes()).map_err(|_| fail("lot is not a decimal"))?;
        let (price_decimals, qty_decimals) = (tick.decimals_needed(), lot.decimals_needed());
        let tick_size = tick.at_scale(price_decimals).map_err(|_| fail("tick does not fit"))?;
        let lot_size = lot.at_scale(qty_decimals).map_err(|_| fail("lot does not fit"))?;
        if tick_size < 1 || lot_size < 1 || tick.decimals > 12 || lot.decimals > 12 {
            return Err(fail("tick and lot must be positive, with at most 12 decimals"));
        }
        let text = start_price.unwrap_or(&one.start_price);
        let start = Decimal::parse(text.as_bytes()).map_err(|_| fail("start_price is not a decimal"))?;
        // Digits below the price's scale are cut off: a price to begin with need not be exact.
        let start = match start.decimals.checked_sub(price_decimals) {
            Some(finer) => start.mantissa / crate::types::price::pow10(finer),
            None => start.at_scale(price_decimals).map_err(|_| fail("start_price does not fit"))?,
        };
        let start_ticks = start / tick_size;
        if start_ticks < 1000 || start > UNITS_MAX / 16 {
            return Err(fail("start_price must be at least 1000 ticks, and fit with room for a rise"));
        }
        if !(0.1..=1e6).contains(&one.events_per_s)
            || !(0.0..=1000.0).contains(&one.volatility_ticks)
            || !(1.0..=1e6).contains(&one.size_lots)
            || !(1..=16).contains(&one.makers)
        {
            return Err(fail("events_per_s, volatility_ticks, size_lots or makers is out of range"));
        }
        if lot_size > UNITS_MAX / 1_000_000_000_000 {
            return Err(fail("lot does not fit"));
        }
        let instrument = Instrument {
            id: InstrumentId(at as u32),
            symbol,
            venue: VenueKind::Simulated,
            contract: Contract::Linear,
            calendar: Calendar::Crypto,
            price_decimals,
            qty_decimals,
            price_shown: tick.decimals,
            qty_shown: lot.decimals,
            tick_size: Px(tick_size),
            lot_size: Qty(lot_size),
            multiplier: 1,
            maker_fee_ppm: config.maker_fee_ppm,
            taker_fee_ppm: config.taker_fee_ppm,
            inferred: false,
        };
        let orders_max = AGENT_ORDERS_MAX + config.orders_max;
        let rules = Rules {
            tick: tick_size,
            lot: lot_size,
            px_min: Px(start_ticks / 10 * tick_size),
            px_max: Px(start_ticks * 10 * tick_size),
            orders_max,
            levels_max: orders_max,
        };
        Ok(Self { instrument, rules, start_ticks, config: one.clone() })
    }
}

impl GeneratorConfig {
    /// Checks everything.
    ///
    /// # Errors
    /// [`SimError::Generator`].
    pub fn validate(&self) -> Result<(), SimError> {
        let fail = |what| Err(SimError::Generator { symbol: "(all)".into(), what });
        if self.instruments.is_empty() || self.instruments.len() > 4096 {
            return fail("there must be between 1 and 4096 instruments");
        }
        if self.depth_interval_ns < 0 || self.snapshot_delay_ns < 0 || self.mark_interval_ns < MILLIS {
            return fail("an interval is negative, or mark_interval_ns is below a millisecond");
        }
        if self.orders_max > 1 << 16 {
            return fail("orders_max is above 65536");
        }
        for (at, one) in self.instruments.iter().enumerate() {
            if self.instruments[..at].iter().any(|before| before.symbol == one.symbol) {
                return Err(SimError::Generator { symbol: one.symbol.clone(), what: "the symbol is there twice" });
            }
            Spec::new(self, at, None)?;
        }
        Ok(())
    }
}
