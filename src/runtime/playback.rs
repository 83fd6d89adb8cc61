//! Edge: a journal through the stages again, on one thread: what parity, export and recovery stand on.

use super::group::Stages;
use crate::event::digest::{OutputHash, SECTION_NAMES, SlotDigest};
use crate::event::input::InputKind;
use crate::event::slot::Slot;
use crate::journal::{Entry, JournalError, Reader};
use crate::types::ids::Sequence;
use bytemuck::Zeroable;

/// The first place where a replayed journal differs from what was recorded.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Divergence {
    /// Sequence of the input.
    pub sequence: Sequence,
    /// Epoch of the record.
    pub epoch: u64,
    /// Name of the input's kind.
    pub kind: &'static str,
    /// Instrument index, `u32::MAX` for none.
    pub instrument: u32,
    /// The sections that differ, first stage first.
    pub sections: Vec<&'static str>,
    /// The recorded and the replayed section in words, where the journal has it whole.
    pub recorded: Option<String>,
    /// The same of the replay.
    pub replayed: String,
}

/// Outcome of a playback.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct PlaybackReport {
    /// Slots that went through the stages again.
    pub replayed: u64,
    /// Slots that could not: the journal no longer has all market data before them (retention).
    pub restored_only: u64,
    /// Epochs met.
    pub epochs: u64,
    /// Last sequence.
    pub last_sequence: Sequence,
    /// Slots whose outputs differ from the recorded ones.
    pub divergences: u64,
    /// The first of them.
    pub first_divergence: Option<Divergence>,
    /// Hash over all outputs, as the run printed it (if it was one run).
    pub output_hash: String,
}

/// Plays `reader` through `stages`; `visit` sees each slot that was replayed.
///
/// Where market data has been dropped by retention, the stages are carried over the hole by what the audit log has, and
/// take up again at the next process start.
///
/// # Errors
/// [`JournalError`] of the reader.
pub fn play(
    reader: &mut Reader,
    stages: &mut Stages,
    mut visit: impl FnMut(&Slot, &SlotDigest) -> std::ops::ControlFlow<()>,
) -> Result<PlaybackReport, JournalError> {
    let mut entry = Entry::default();
    let mut slot = Slot::zeroed();
    let mut hash = OutputHash::default();
    let mut report = PlaybackReport::default();
    let mut whole = true;
    while reader.next(&mut entry)? {
        let is_epoch = entry.input.kind == InputKind::Epoch.code();
        report.epochs += u64::from(is_epoch);
        if entry.sequence != report.last_sequence + 1 {
            whole = false;
        }
        report.last_sequence = entry.sequence;
        whole |= is_epoch;
        if !whole {
            report.restored_only += 1;
            if let Some(audit) = &entry.audit {
                stages.risk.restore(&entry.input, &audit.risk, &audit.execution);
                stages.execution.restore(&entry.input, &audit.risk, &audit.execution);
            }
            if entry.input.kind == InputKind::Definition.code() {
                slot.input = entry.input;
                stages.market.on_slot(&slot.input, &mut slot.market);
                stages.feature.on_slot(&slot.input, &slot.market, &mut slot.features);
                stages.signal.on_slot(&slot.input, &slot.market, &slot.features, &mut slot.signal);
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
            if report.first_divergence.is_none() {
                report.first_divergence = Some(divergence(&entry, &slot, &digest));
            }
        }
        if visit(&slot, &digest).is_break() {
            break;
        }
    }
    report.output_hash = hash.to_string();
    Ok(report)
}

fn divergence(entry: &Entry, slot: &Slot, digest: &SlotDigest) -> Divergence {
    let sections: Vec<&'static str> = SECTION_NAMES
        .iter()
        .zip(digest.sections.iter().zip(&entry.digest.sections))
        .filter(|(_, (a, b))| a != b)
        .map(|(name, _)| *name)
        .collect();
    let first = sections.first().copied().unwrap_or("none");
    let recorded = entry.audit.as_ref().and_then(|audit| match first {
        "signal" => Some(format!("{:?}", audit.signal)),
        "risk" => Some(format!("{:?}", audit.risk)),
        "execution" => Some(format!("{:?}", audit.execution)),
        _ => None,
    });
    let replayed = match first {
        "market" => format!("{:?}", slot.market),
        "features" => format!("{:?}", slot.features),
        "signal" => format!("{:?}", slot.signal),
        "risk" => format!("{:?}", slot.risk),
        _ => format!("{:?}", slot.execution),
    };
    Divergence {
        sequence: entry.sequence,
        epoch: entry.epoch,
        kind: slot.input.kind().map_or("unknown", InputKind::name),
        instrument: slot.input.instrument.0,
        sections,
        recorded,
        replayed,
    }
}
