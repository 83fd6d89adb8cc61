//! Edge: the first place where a replayed journal differs from what was recorded, field by field.

use crate::event::digest::{SECTION_NAMES, SlotDigest};
use crate::event::input::InputKind;
use crate::event::slot::Slot;
use crate::journal::Entry;
use crate::report::section::{self, Field};
use crate::types::ids::Sequence;
use crate::types::instrument::Instrument;
use crate::types::time::UnixNanos;
use bytemuck::bytes_of;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldDifference {
    /// The section it is in.
    pub section: &'static str,
    /// Its name.
    pub field: String,
    /// What was recorded; `None` where the journal keeps only a digest of the section (then all its fields are listed).
    pub recorded: Option<String>,
    /// What the replay gave.
    pub replayed: String,
}

/// A slot whose outputs differ from the recorded ones.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Divergence {
    /// Sequence of the input.
    pub sequence: Sequence,
    /// Epoch of the record.
    pub epoch: u64,
    /// Name of the input's kind: what the stages were answering.
    pub kind: &'static str,
    /// Sequence of the input that led to this one (a report: to its order), if one did.
    pub caused_by: Option<Sequence>,
    /// Time of the input.
    pub ts_recv: UnixNanos,
    /// Name of the instrument; its number where it was not defined; `None` for an input of none.
    pub instrument: Option<String>,
    /// The sections that differ, first stage first: the first is where it began.
    pub sections: Vec<&'static str>,
    /// The fields that differ.
    pub fields: Vec<FieldDifference>,
}

impl Divergence {
    /// The differences between `entry` as recorded and `slot` as replayed, whose digest is `digest`.
    pub(super) fn of(
        entry: &Entry,
        slot: &Slot,
        digest: &SlotDigest,
        instrument: Option<&Instrument>,
        features: &[String],
    ) -> Self {
        let sections: Vec<&'static str> = differing(&entry.digest, digest).map(|i| SECTION_NAMES[i]).collect();
        let mut fields = Vec::new();
        for name in &sections {
            let replayed = match *name {
                "market" => section::market(&slot.market, instrument),
                "features" => section::features(&slot.features, features),
                "signal" => section::signal(&slot.signal),
                "risk" => section::risk(&slot.risk, instrument),
                _ => section::execution(&slot.execution, instrument),
            };
            let kept = entry.audit.as_ref().and_then(|audit| match *name {
                "signal" => Some((section::signal(&audit.signal), bytes_of(&audit.signal), bytes_of(&slot.signal))),
                "risk" => Some((section::risk(&audit.risk, instrument), bytes_of(&audit.risk), bytes_of(&slot.risk))),
                "execution" => Some((
                    section::execution(&audit.execution, instrument),
                    bytes_of(&audit.execution),
                    bytes_of(&slot.execution),
                )),
                _ => None,
            });
            match kept {
                Some((recorded, was, is)) => compare(name, &recorded, &replayed, was, is, &mut fields),
                None => fields.extend(replayed.into_iter().map(|(field, replayed)| FieldDifference {
                    section: name,
                    field,
                    recorded: None,
                    replayed,
                })),
            }
        }
        let input = &slot.input;
        let numbered = input.instrument.is_some().then(|| format!("number {}", input.instrument.0));
        Self {
            sequence: entry.sequence,
            epoch: entry.epoch,
            kind: input.kind().map_or("unknown", InputKind::name),
            caused_by: Some(input.trace).filter(|trace| *trace > 0),
            ts_recv: input.ts_recv,
            instrument: instrument.map(Instrument::name).or(numbered),
            sections,
            fields,
        }
    }
}

/// Indices of the sections whose digests differ.
pub(super) fn differing(a: &SlotDigest, b: &SlotDigest) -> impl Iterator<Item = usize> {
    let (a, b) = (*a, *b);
    (0..SECTION_NAMES.len()).filter(move |i| a.sections[*i] != b.sections[*i])
}

fn compare(
    section: &'static str,
    recorded: &[Field],
    replayed: &[Field],
    was: &[u8],
    is: &[u8],
    out: &mut Vec<FieldDifference>,
) {
    let value = |list: &[Field], name: &str| {
        list.iter().find(|(n, _)| n == name).map_or_else(|| "absent".to_owned(), |(_, value)| value.clone())
    };
    let before = out.len();
    let more = replayed.iter().filter(|(name, _)| recorded.iter().all(|(n, _)| n != name));
    for (name, _) in recorded.iter().chain(more) {
        let (a, b) = (value(recorded, name), value(replayed, name));
        if a != b {
            out.push(FieldDifference { section, field: name.clone(), recorded: Some(a), replayed: b });
        }
    }
    if out.len() == before {
        // The digests differ, and no field that has a name does: then the bytes must tell. The first are the stamp.
        const STAMPS: usize = 16;
        let at = was.iter().zip(is).skip(STAMPS).position(|(a, b)| a != b).map_or(0, |at| at + STAMPS);
        let byte = |bytes: &[u8]| bytes.get(at).map_or_else(String::new, |b| format!("{b:#04x}"));
        let (a, b) = (byte(was), byte(is));
        out.push(FieldDifference { section, field: format!("byte {at}"), recorded: Some(a), replayed: b });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::risk::Verdict;
    use crate::journal::AuditSections;
    use bytemuck::Zeroable;

    fn entry(slot: &Slot, audit: bool) -> Entry {
        let mut entry = Entry { sequence: 7, epoch: 2, digest: SlotDigest::of(slot), ..Entry::default() };
        entry.audit =
            audit.then_some(AuditSections { signal: slot.signal, risk: slot.risk, execution: slot.execution });
        entry
    }

    #[test]
    fn only_the_fields_that_differ_are_told() {
        let recorded = Slot::zeroed();
        let mut replayed = recorded;
        replayed.risk.verdict = Verdict::Refused.code();
        replayed.risk.check = crate::risk::code::gate;
        replayed.risk.value = 1 << 4;
        replayed.input.kind = InputKind::Report.code();
        replayed.input.trace = 3;
        let digest = SlotDigest::of(&replayed);
        let found = Divergence::of(&entry(&recorded, true), &replayed, &digest, None, &[]);
        assert_eq!((found.kind, found.caused_by, &found.sections[..]), ("report", Some(3), &["risk"][..]));
        let told: Vec<(&str, Option<&str>, &str)> =
            found.fields.iter().map(|f| (f.field.as_str(), f.recorded.as_deref(), f.replayed.as_str())).collect();
        assert_eq!(
            told,
            [
                ("verdict", Some("none"), "refused"),
                ("check", Some("absent"), "GATE_CLOSED"),
                ("value", Some("absent"), "mode_observe"),
                ("limit", Some("absent"), ""),
            ]
        );
    }

    #[test]
    fn what_has_no_name_is_told_by_its_byte_and_a_mere_digest_as_that() {
        let recorded = Slot::zeroed();
        let mut replayed = recorded;
        replayed.risk.reserved[0] = 1;
        let at = core::mem::offset_of!(crate::event::risk::RiskSection, reserved);
        let found = Divergence::of(&entry(&recorded, true), &replayed, &SlotDigest::of(&replayed), None, &[]);
        assert_eq!((found.fields.len(), found.fields[0].field.clone()), (1, format!("byte {at}")));
        let mut replayed = recorded;
        replayed.market.update_id = 9;
        let found = Divergence::of(&entry(&recorded, true), &replayed, &SlotDigest::of(&replayed), None, &[]);
        assert_eq!(found.sections, ["market"]);
        assert!(found.fields.iter().all(|f| f.recorded.is_none()));
        assert!(found.fields.iter().any(|f| f.field == "update_id" && f.replayed == "9"));
    }
}
