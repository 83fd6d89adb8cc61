//! Hot: the breakers of all strategies, venues and instruments; an order must pass all three of its own.

use super::config::Settings;
use super::{Breaker, Cause, Config, ConfigError, Event, State};
use crate::event::operator::Scope;
use crate::types::ids::InstrumentId;
use crate::types::instrument::VenueKind;
use crate::types::time::UnixNanos;

/// Codes of venue kinds are below this.
const VENUES: usize = 256;

/// Whose order it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Number of the strategy; 0 = the ensemble of this host.
    pub strategy: u32,
    /// Where it goes.
    pub venue: VenueKind,
    /// What it trades.
    pub instrument: InstrumentId,
}

/// Why an order may not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Which of its breakers.
    pub scope: Scope,
    /// Why that one opened.
    pub cause: Cause,
    /// When it may be tried again; `UnixNanos::MAX` if it waits for the answers to probes.
    pub until: UnixNanos,
}

/// One scope.
#[derive(Debug)]
struct Part {
    scope: Scope,
    settings: Option<Settings>,
    breakers: Box<[Breaker]>,
}

impl Part {
    fn new(scope: Scope, limits: Option<&super::Limits>, max: usize) -> Result<Self, ConfigError> {
        let settings = limits.map(Settings::new).transpose()?;
        let room = if settings.is_some() { max } else { 0 };
        Ok(Self { scope, settings, breakers: vec![Breaker::new(); room].into_boxed_slice() })
    }

    #[inline]
    fn check(&self, now: UnixNanos, index: usize) -> Result<(), Stop> {
        let Some(settings) = &self.settings else { return Ok(()) };
        let stop = |cause, until| Err(Stop { scope: self.scope, cause, until });
        // One that there is no breaker for is not let through: nobody would watch it.
        let Some(breaker) = self.breakers.get(index) else { return stop(Cause::Errors, UnixNanos::MAX) };
        match breaker.state(settings, now) {
            State::Closed => Ok(()),
            State::HalfOpen { left, .. } if left > 0 => Ok(()),
            State::HalfOpen { cause, .. } => stop(cause, UnixNanos::MAX),
            State::Open { cause, until } => stop(cause, until),
        }
    }

    fn on(&mut self, now: UnixNanos, index: usize, event: Event) -> bool {
        match (&self.settings, self.breakers.get_mut(index)) {
            (Some(settings), Some(breaker)) => breaker.on(settings, now, event),
            _ => false,
        }
    }
}

/// All breakers of the host.
#[derive(Debug)]
pub struct Breakers {
    strategy: Part,
    venue: Part,
    instrument: Part,
}

impl Breakers {
    /// For so many strategies and instruments; everything is allocated here.
    ///
    /// # Errors
    /// [`ConfigError`]: a value outside its range, or a scope without any limit.
    pub fn new(config: &Config, strategies_max: usize, instruments_max: usize) -> Result<Self, ConfigError> {
        Ok(Self {
            strategy: Part::new(Scope::Strategy, config.strategy.as_ref(), strategies_max)?,
            venue: Part::new(Scope::Venue, config.venue.as_ref(), VENUES)?,
            instrument: Part::new(Scope::Instrument, config.instrument.as_ref(), instruments_max)?,
        })
    }

    /// Whether an order may be sent at `now`. Changes nothing: the order counts with [`Event::Sent`].
    ///
    /// # Errors
    /// The first breaker that stops it.
    #[inline]
    pub fn check(&self, now: UnixNanos, key: Key) -> Result<(), Stop> {
        self.strategy.check(now, key.strategy as usize)?;
        self.venue.check(now, usize::from(key.venue.code()))?;
        self.instrument.check(now, key.instrument.index())
    }

    /// An event of an order. True if a breaker opened with it.
    pub fn on(&mut self, now: UnixNanos, key: Key, event: Event) -> bool {
        let strategy = self.strategy.on(now, key.strategy as usize, event);
        let venue = self.venue.on(now, usize::from(key.venue.code()), event);
        let instrument = self.instrument.on(now, key.instrument.index(), event);
        strategy | venue | instrument
    }

    /// An operator closes the breakers of a scope: all of the host, or the one with this number (strategy, code of the
    /// venue, instrument). False if there is none.
    pub fn reset(&mut self, scope: Scope, id: u32) -> bool {
        let part = match scope {
            Scope::Host => {
                for part in [&mut self.strategy, &mut self.venue, &mut self.instrument] {
                    part.breakers.fill(Breaker::new());
                }
                return true;
            }
            Scope::Strategy => &mut self.strategy,
            Scope::Venue => &mut self.venue,
            Scope::Instrument => &mut self.instrument,
        };
        // All anew, its time too: an absurd time in an input must not hold it for ever.
        part.breakers.get_mut(id as usize).map(|breaker| *breaker = Breaker::new()).is_some()
    }

    /// What a breaker lets through; `None` if there is none of that number.
    pub fn state(&self, scope: Scope, id: u32, now: UnixNanos) -> Option<State> {
        let part = match scope {
            Scope::Host => return None,
            Scope::Strategy => &self.strategy,
            Scope::Venue => &self.venue,
            Scope::Instrument => &self.instrument,
        };
        Some(part.breakers.get(id as usize)?.state(part.settings.as_ref()?, now))
    }
}
