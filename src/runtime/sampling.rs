//! Edge: market and features once more, over the journal's inputs: candles and feature vectors for whoever mirrors them.

use super::validate::{config_text_of, stages};
use crate::bridge::id::Id;
use crate::bridge::sampler::{FeatureVector, Sample, Sampler};
use crate::config::{Config, ConfigError};
use crate::event::feature::FeatureSection;
use crate::event::input::{EpochStart, InputKind};
use crate::event::market::{CANDLE_NAMES, MarketSection};
use crate::feature::FeatureStage;
use crate::journal::{Entry, JournalError, Reader};
use crate::market::MarketStage;
use crate::types::ids::InstrumentId;
use crate::types::time::{MILLIS, NO_TIME, Nanos, UnixNanos};
use bytemuck::Zeroable;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Entries that are read again at most to take up a process start in its middle, where somebody waits for it: a few seconds.
const BACK_MAX: u64 = 2_000_000;
/// Between two questions whether to stop, in entries.
const ASK_EVERY: u64 = 4096;

/// Why there are no samples for a while.
#[derive(Debug, thiserror::Error)]
enum Cold {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The configuration of a process start.
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the process start lies {0} events back, more than {BACK_MAX}")]
    TooFar(u64),
    #[error("the journal no longer has all market data since the process start")]
    Hole,
    #[error("the host ends")]
    Stopped,
}

/// The stages of a process start.
struct Warm {
    market: MarketStage,
    feature: FeatureStage,
    names: Arc<[String]>,
    /// When each instrument's vector was given last.
    given: Vec<UnixNanos>,
}

/// Runs market and features over the journal's inputs. A process start begins them anew, as it does in the host, with the
/// configuration that it ran with.
pub struct StageSampler {
    journal: PathBuf,
    /// Between two vectors of one instrument, in market time.
    interval: Nanos,
    warm: Option<Warm>,
    /// The process start that cannot be taken up any more: its rest is not looked at.
    cold: Option<u64>,
    /// The last entry that was taken: process start and sequence.
    last: (u64, u64),
    /// Set when the host has ended; with it, a process start is taken up however far back it lies.
    end: Option<Arc<AtomicBool>>,
    back_max: u64,
    market: Box<MarketSection>,
    features: Box<FeatureSection>,
}

impl StageSampler {
    /// Over the journal in `journal`; a vector of each instrument every `interval_ms` of market time.
    pub fn new(journal: &Path, interval_ms: u64) -> Self {
        Self {
            journal: journal.to_path_buf(),
            interval: i64::try_from(interval_ms).unwrap_or(i64::MAX / MILLIS).saturating_mul(MILLIS),
            warm: None,
            cold: None,
            last: (0, 0),
            end: None,
            back_max: BACK_MAX,
            market: Box::new(MarketSection::zeroed()),
            features: Box::new(FeatureSection::zeroed()),
        }
    }

    /// Takes up a process start however far back it lies, unless `end` is set in between: for a record that is to have no gaps.
    pub fn thorough(self, end: Arc<AtomicBool>) -> Self {
        Self { end: Some(end), back_max: u64::MAX, ..self }
    }

    fn stops(&self, read: u64) -> bool {
        read.is_multiple_of(ASK_EVERY) && self.end.as_ref().is_some_and(|end| end.load(Ordering::Acquire))
    }

    /// The stages as they are before the first input of the process start that `entry` begins.
    fn begin(&self, entry: &Entry) -> Result<Warm, Cold> {
        let start: &EpochStart = entry.input.payload();
        let text = config_text_of(&self.journal, start.epoch, &start.config_hash)?;
        let config: Config = toml::from_str(&text).map_err(|e| ConfigError::room("config", e))?;
        let stages = stages(&config)?;
        let names = stages.feature.names().to_vec().into();
        let given = vec![NO_TIME; config.topology.instruments_max];
        Ok(Warm { market: stages.market, feature: stages.feature, names, given })
    }

    /// Takes up the process start of `entry` in its middle: from its beginning up to the entry, which is not taken.
    fn catch_up(&mut self, entry: &Entry) -> Result<(), Cold> {
        let (mut audit, mut read) = (Reader::audit_only(&self.journal)?, Entry::default());
        let (mut begun, mut count) = (None, 0u64);
        while audit.next(&mut read)? && read.sequence < entry.sequence {
            if read.input.kind == InputKind::Epoch.code() {
                begun = (read.epoch == entry.epoch).then_some(read.sequence);
            }
            count += 1;
            if self.stops(count) {
                return Err(Cold::Stopped);
            }
        }
        let first = begun.ok_or(Cold::Hole)?;
        if entry.sequence - first > self.back_max {
            return Err(Cold::TooFar(entry.sequence - first));
        }
        let mut reader = Reader::open_behind(&self.journal, first - 1)?;
        let mut expected = first;
        while expected < entry.sequence {
            if !reader.next(&mut read)? || read.sequence != expected {
                return Err(Cold::Hole);
            }
            if expected == first {
                self.warm = Some(self.begin(&read)?);
            }
            self.run(&read);
            expected += 1;
            if self.stops(expected) {
                return Err(Cold::Stopped);
            }
        }
        Ok(())
    }

    /// One input through the stages.
    fn run(&mut self, entry: &Entry) -> Option<Sample> {
        let warm = self.warm.as_mut()?;
        let input = &entry.input;
        warm.market.on_slot(input, &mut self.market);
        warm.feature.on_slot(input, &self.market, &mut self.features);
        let candles: Vec<_> = (0..CANDLE_NAMES.len())
            .filter(|at| self.market.closed_mask >> at & 1 == 1)
            .map(|at| (CANDLE_NAMES[at], self.market.closed[at]))
            .collect();
        let given = warm.given.get_mut(input.instrument.index());
        let due = given.filter(|given| {
            self.features.updated != 0 && (**given == NO_TIME || input.ts_recv.saturating_sub(**given) >= self.interval)
        });
        let vector = due.map(|given| {
            *given = input.ts_recv;
            FeatureVector { names: Arc::clone(&warm.names), values: self.features.values, warm: self.features.warm }
        });
        let instrument: InstrumentId = input.instrument;
        (!candles.is_empty() || vector.is_some()).then_some(Sample { instrument, candles, vector })
    }
}

impl StageSampler {
    /// Whether `entry` can be taken as things stand, if it can be taken at all.
    fn is_ready(&self, entry: &Entry) -> bool {
        (entry.epoch, entry.sequence) <= self.last
            || entry.input.kind == InputKind::Epoch.code()
            || self.cold == Some(entry.epoch)
            || self.last == (entry.epoch, entry.sequence - 1)
    }

    /// The rest of this process start is not looked at.
    fn give_up(&mut self, entry: &Entry, cold: &Cold) {
        self.warm = None;
        self.cold = Some(entry.epoch);
        tracing::info!(
            "no candles and features of event {} and on, until the next start of the host: {cold}",
            entry.sequence
        );
    }
}

impl Sampler for StageSampler {
    fn take(&mut self, entry: &Entry) -> Option<Sample> {
        let here = (entry.epoch, entry.sequence);
        if here <= self.last {
            return None;
        }
        let is_ready = self.is_ready(entry);
        self.last = here;
        let begun = if entry.input.kind == InputKind::Epoch.code() {
            self.begin(entry).map(|warm| self.warm = Some(warm))
        } else if self.cold == Some(entry.epoch) {
            // Each try reads the audit log from its beginning.
            return None;
        } else if is_ready {
            Ok(())
        } else {
            self.warm = None;
            self.catch_up(entry)
        };
        if let Err(cold) = begun {
            self.give_up(entry, &cold);
        }
        self.run(entry)
    }

    fn ready(&mut self, entry: &Entry) -> bool {
        if self.is_ready(entry) {
            return true;
        }
        self.warm = None;
        match self.catch_up(entry) {
            Ok(()) => self.last = (entry.epoch, entry.sequence - 1),
            Err(Cold::Stopped) => return false,
            Err(cold) => self.give_up(entry, &cold),
        }
        true
    }

    fn reset(&mut self, last: Id) {
        if self.last != (last.epoch, last.sequence) {
            (self.last, self.warm, self.cold) = ((0, 0), None, None);
        }
    }
}

#[cfg(test)]
#[path = "sampling_tests.rs"]
mod tests;
