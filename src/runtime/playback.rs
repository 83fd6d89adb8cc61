//! Edge: a journal through the stages again, on one thread: what parity, export and recovery stand on.

use super::divergence::{Divergence, differing};
use super::group::Stages;
use super::host;
use crate::config::{Config, ConfigError};
use crate::event::definition::Definition;
use crate::event::digest::{OutputHash, SECTION_NAMES, SlotDigest};
use crate::event::feature::FeatureSection;
use crate::event::input::{EpochStart, InputKind};
use crate::event::market::MarketSection;
use crate::event::slot::Slot;
use crate::journal::{Entry, JournalError, Loss, Reader, read_dropped};
use crate::types::ids::Sequence;
use crate::types::instrument::Instrument;
use bytemuck::Zeroable;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

/// Outcome of a playback.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct PlaybackReport {
    /// Slots that went through the stages again.
    pub replayed: u64,
    /// Slots that could not: the journal no longer has all market data before them (retention).
    pub restored_only: u64,
    /// Inputs that are in neither log, and that retention did not drop: lost (a full disk, a power cut).
    pub lost: u64,
    /// Market data that was not recorded, by the journal's own notes: why inputs were lost, where it is known.
    pub not_recorded: Vec<Loss>,
    /// Epochs met.
    pub epochs: u64,
    /// Last sequence.
    pub last_sequence: Sequence,
    /// Slots whose outputs differ from the recorded ones.
    pub divergences: u64,
    /// In how many of them each section differs.
    pub by_section: BTreeMap<&'static str, u64>,
    /// The first of them.
    pub first_divergence: Option<Divergence>,
    /// Hash over all outputs, as the run printed it (if it was one run).
    pub output_hash: String,
}

/// Why a journal could not be played.
#[derive(Debug, thiserror::Error)]
pub enum PlaybackError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The configuration of an epoch.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Where the configuration of each epoch comes from.
pub enum Settings<'a> {
    /// What the journal was written with: `config-{epoch}.toml` beside it, checked against the hash in the journal.
    Recorded,
    /// Another one, for all epochs: what would it have changed?
    Given(&'a Config),
}

/// Plays the journal in `dir` through the stages; `visit` sees each slot that was replayed (or, over a hole, what the audit
/// log has of it, without market and features), and the names of its features.
///
/// An epoch with another configuration gets stages made from it, which take over positions and orders from the audit log,
/// just as the process did that began it. Where market data is missing, the stages are carried over the hole by what the
/// audit log has, and take up again at the next process start.
///
/// # Errors
/// [`PlaybackError`].
pub fn play(
    dir: &Path,
    settings: &Settings<'_>,
    mut visit: impl FnMut(&Slot, &[String]) -> ControlFlow<()>,
) -> Result<PlaybackReport, PlaybackError> {
    let mut reader = Reader::open(dir)?;
    // Retention says what it dropped: a hole up to there is explained, any other is a loss.
    let dropped_to = read_dropped(dir)?.iter().map(|d| d.last).max().unwrap_or(0);
    let mut entry = Entry::default();
    let mut slot = Slot::zeroed();
    let mut hash = OutputHash::default();
    let mut report = PlaybackReport::default();
    let mut current: Option<(String, Stages, Vec<String>)> = None;
    let mut instruments: Vec<Option<Instrument>> = Vec::new();
    let mut whole = true;
    while reader.next(&mut entry)? {
        let is_epoch = entry.input.kind == InputKind::Epoch.code();
        if entry.sequence != report.last_sequence + 1 {
            whole = false;
            report.lost += (entry.sequence - 1).saturating_sub(report.last_sequence.max(dropped_to));
        }
        if is_epoch {
            report.epochs += 1;
            if !whole {
                // What a file said stood in it, and stages write only what they know to be different.
                slot = Slot::zeroed();
                whole = true;
            }
            let start = entry.input.payload::<EpochStart>();
            let (text, config) = match settings {
                Settings::Given(config) => (String::new(), (*config).clone()),
                Settings::Recorded => {
                    let text = host::config_text_of(dir, start.epoch, &start.config_hash)?;
                    let config = toml::from_str(&text).map_err(|e| ConfigError::room("config", e))?;
                    (text, config)
                }
            };
            if current.as_ref().is_none_or(|(known, _, _)| *known != text) {
                let mut stages = host::stages(&config)?;
                restore_before(dir, entry.sequence, &mut stages)?;
                let names = stages.feature.names().to_vec();
                current = Some((text, stages, names));
            }
        }
        report.last_sequence = entry.sequence;
        let at = entry.input.instrument.index();
        if entry.input.kind == InputKind::Definition.code() && entry.input.instrument.is_some() {
            if instruments.len() <= at {
                instruments.resize(at + 1, None);
            }
            instruments[at] = entry.input.payload::<Definition>().instrument(entry.input.instrument);
        }
        let Some((_, stages, names)) = &mut current else {
            report.restored_only += 1;
            continue;
        };
        if !whole {
            report.restored_only += 1;
            if let Some(audit) = &entry.audit {
                stages.risk.restore(&entry.input, &audit.risk, &audit.execution);
                stages.execution.restore(&entry.input, &audit.risk, &audit.execution);
                // What the audit log has whole can be shown all the same; market and features are not known here.
                slot.input = entry.input;
                (slot.market, slot.features) = (MarketSection::zeroed(), FeatureSection::zeroed());
                (slot.signal, slot.risk, slot.execution) = (audit.signal, audit.risk, audit.execution);
                if visit(&slot, names).is_break() {
                    break;
                }
            }
            continue;
        }
        slot.input = entry.input;
        stages.run_whole(&mut slot);
        let digest = SlotDigest::of(&slot);
        hash.update(entry.sequence, &digest);
        report.replayed += 1;
        if digest != entry.digest {
            report.divergences += 1;
            for section in differing(&digest, &entry.digest) {
                *report.by_section.entry(SECTION_NAMES[section]).or_default() += 1;
            }
            if report.first_divergence.is_none() {
                let instrument = instruments.get(at).and_then(Option::as_ref);
                report.first_divergence = Some(Divergence::of(&entry, &slot, &digest, instrument, names));
            }
        }
        if visit(&slot, names).is_break() {
            break;
        }
    }
    report.not_recorded = reader.losses().to_vec();
    report.output_hash = hash.to_string();
    Ok(report)
}

/// Names of the features of the first epoch in the journal.
///
/// # Errors
/// [`PlaybackError`].
pub fn feature_names(dir: &Path) -> Result<Vec<String>, PlaybackError> {
    let mut reader = Reader::audit_only(dir)?;
    let mut entry = Entry::default();
    while reader.next(&mut entry)? {
        if entry.input.kind == InputKind::Epoch.code() {
            let start = entry.input.payload::<EpochStart>();
            let text = host::config_text_of(dir, start.epoch, &start.config_hash)?;
            let config: Config = toml::from_str(&text).map_err(|e| ConfigError::room("config", e))?;
            return Ok(host::stages(&config)?.feature.names().to_vec());
        }
    }
    Ok(Vec::new())
}

/// Positions and orders as the audit log has them up to `sequence`.
fn restore_before(dir: &Path, sequence: Sequence, stages: &mut Stages) -> Result<(), JournalError> {
    let mut reader = Reader::audit_only(dir)?;
    let mut entry = Entry::default();
    while reader.next(&mut entry)? && entry.sequence < sequence {
        if let Some(audit) = &entry.audit {
            stages.risk.restore(&entry.input, &audit.risk, &audit.execution);
            stages.execution.restore(&entry.input, &audit.risk, &audit.execution);
        }
    }
    Ok(())
}
