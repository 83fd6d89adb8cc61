//! Hot: the limits in force: as configured, as an operator changed them, and for single instruments.
//!
//! A limit is tightened by any command, and loosened up to its configured ceiling. An epoch takes back what was loosened: a
//! restart begins with the configured limits, or with tighter ones that an operator left.

use super::checks::{self, LimitRow, ROWS, TABLE};
use super::config::{Config, ConfigError};
use crate::types::decimal::Decimal;
use crate::types::instrument::Instrument;

/// The most that a limit can be set to where a larger one is tighter: 10 days, in nanoseconds.
const AT_LEAST_MAX: i128 = 864_000_000_000_000;

/// What the configuration gives one instrument.
#[derive(Clone, Debug)]
struct Own {
    /// `SYMBOL`, or `SYMBOL.VENUE`.
    name: String,
    limits: LimitRow,
    /// Bit i: `limits[i]` is given.
    given: u64,
    restricted: bool,
    reference: Option<Decimal>,
}

impl Own {
    fn is_of(&self, instrument: &Instrument) -> bool {
        let symbol = instrument.symbol.as_str();
        self.name == symbol
            || self.name.strip_suffix(instrument.venue.name()).and_then(|s| s.strip_suffix('.')) == Some(symbol)
    }
}

/// What an instrument begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adopted {
    pub(super) limits: LimitRow,
    /// Bit i: `limits[i]` is its own, not the host's.
    pub(super) own: u64,
    pub(super) restricted: bool,
    /// The static collar's configured reference price.
    pub(super) reference2: Reference,
}

/// A configured reference price of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// None is configured: the market makes one.
    FromMarket,
    /// Twice the price, in price units.
    Fixed(i128),
    /// The instrument's price units cannot express it: nothing can be measured from it.
    Inexpressible,
}

/// All limits of the host, and what instruments are configured to have.
#[derive(Clone, Debug)]
pub(super) struct LimitBook {
    configured: LimitRow,
    ceiling: LimitRow,
    /// In force on the host.
    pub(super) now: LimitRow,
    own: Vec<Own>,
}

impl LimitBook {
    /// # Errors
    /// The first missing or impossible limit.
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let (configured, _) = checks::read(&config.limits, false)?;
        let (given, has) = checks::read(&config.ceilings, true)?;
        let mut ceiling = configured;
        for (at, row) in TABLE.iter().enumerate() {
            if has >> at & 1 == 1 {
                if row.sense.is_looser(configured[at], given[at]) {
                    return Err(ConfigError::Ceiling(row.key.unwrap_or(row.name)));
                }
                ceiling[at] = given[at];
            }
        }
        let own = config
            .instruments
            .iter()
            .map(|(name, own)| {
                let (limits, given) = checks::read(&own.limits(), true)?;
                let reference = own.reference_price.as_deref().map(|text| {
                    Decimal::parse(text.as_bytes()).map_err(|source| ConfigError::Decimal {
                        name: "reference_price",
                        text: text.to_owned(),
                        source,
                    })
                });
                Ok(Own {
                    name: name.clone(),
                    limits,
                    given,
                    restricted: own.restricted,
                    reference: reference.transpose()?,
                })
            })
            .collect::<Result<_, ConfigError>>()?;
        Ok(Self { configured, ceiling, now: configured, own })
    }

    /// The loosest that row `at` may be set to, for the host.
    pub(super) fn ceiling(&self, at: usize) -> i128 {
        self.ceiling[at]
    }

    /// The same for an instrument: what it is configured to have, where that is looser.
    pub(super) fn ceiling_of(&self, at: usize, instrument: &Instrument) -> i128 {
        let own = self.own.iter().find(|o| o.given >> at & 1 == 1 && o.is_of(instrument)).map(|o| o.limits[at]);
        own.map_or(self.ceiling[at], |own| {
            if TABLE[at].sense.is_looser(own, self.ceiling[at]) { own } else { self.ceiling[at] }
        })
    }

    /// What a limit of row `at` can be at all.
    pub(super) fn is_possible(at: usize, value: i128) -> bool {
        value >= 0 && (TABLE[at].sense == super::check::Sense::AtMost || value <= AT_LEAST_MAX)
    }

    /// What `instrument` begins with.
    pub(super) fn adopt(&self, instrument: &Instrument) -> Adopted {
        let mut adopted = Adopted { limits: self.now, own: 0, restricted: false, reference2: Reference::FromMarket };
        for own in self.own.iter().filter(|own| own.is_of(instrument)) {
            for at in 0..ROWS {
                if own.given >> at & 1 == 1 {
                    adopted.limits[at] = own.limits[at];
                    adopted.own |= 1 << at;
                }
            }
            adopted.restricted |= own.restricted;
            if let Some(reference) = own.reference {
                let units = reference.at_scale(instrument.price_decimals).ok();
                adopted.reference2 = units.map_or(Reference::Inexpressible, |px| Reference::Fixed(2 * i128::from(px)));
            }
        }
        adopted
    }

    /// A new process start: what was loosened is taken back.
    pub(super) fn begin_epoch(&mut self) {
        for (at, row) in TABLE.iter().enumerate() {
            self.now[at] = row.sense.tighter(self.now[at], self.configured[at]);
        }
    }

    /// The same for an instrument that has `limits`, those in `own` for itself.
    pub(super) fn begin_epoch_of(&self, instrument: &Instrument, limits: &mut LimitRow, own: &mut u64) {
        let adopted = self.adopt(instrument);
        for (at, row) in TABLE.iter().enumerate() {
            let mine = *own >> at & 1 == 1;
            limits[at] = if mine { row.sense.tighter(limits[at], adopted.limits[at]) } else { adopted.limits[at] };
        }
        *own |= adopted.own;
    }
}
