//! Edge: the chain, checked link by link: which record was altered, when the next one does not continue it.

use super::record::{Hash, Record, RecordKind, hash};

/// Where a record stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct At {
    pub segment: u64,
    pub offset: u64,
    /// The last sequence before it.
    pub sequence: u64,
}

/// A link that does not fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Misfit {
    /// The record before, which seems to be altered.
    pub culprit: At,
    /// The record whose link does not fit it.
    pub here: At,
    /// Whether that is the header of a segment.
    pub opening: bool,
    /// Its sequence, if it is a slot; else 0.
    pub next: u64,
    /// The hash of the record before.
    pub expected: Hash,
    /// The link.
    pub found: Hash,
    /// The hash that the record here would have with the right link.
    right: Hash,
}

/// What a misfit turned out to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    /// The record before was altered, or something between the two removed.
    Before(Misfit),
    /// Only the link itself was altered: what follows was chained to the record as it would be without that.
    Link(Misfit),
}

/// The chain of one log on the way through it.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Hash of the record before.
    pub previous: Hash,
    before: At,
    /// A misfit is judged by the link after it.
    misfit: Option<Misfit>,
}

impl Links {
    /// Before the first record, which continues `previous`.
    pub(super) fn new(previous: Hash) -> Self {
        Self { previous, ..Self::default() }
    }

    /// Takes in the record at `at`. With `known`, the record before it was read whole and stands before it; with
    /// `unfinished`, its link may not be filled in yet. Gives what is broken, and whether the link was not filled in.
    pub(super) fn take(
        &mut self,
        record: &Record<'_>,
        at: At,
        known: bool,
        unfinished: bool,
    ) -> (Option<Broken>, bool) {
        let link = record.header.previous;
        let pending = self.misfit.take();
        let blank = link == [0; 32] && self.previous != [0; 32] && unfinished;
        let fits = blank || !known || link == self.previous;
        let broken = match pending {
            Some(misfit) if !fits && misfit.right == link => Some(Broken::Link(misfit)),
            pending => pending.map(Broken::Before),
        };
        if !fits && !matches!(broken, Some(Broken::Link(_))) {
            self.misfit = Some(Misfit {
                culprit: self.before,
                here: at,
                opening: record.kind == RecordKind::Opening,
                next: if record.is_slot() { record.header.sequence } else { 0 },
                expected: self.previous,
                found: link,
                right: hash_with(record.bytes, &self.previous),
            });
        }
        self.previous = if blank && known { hash_with(record.bytes, &self.previous) } else { hash(record.bytes) };
        self.before = at;
        (broken, blank)
    }

    /// What is still to be judged at the end of the log; `met` says whether a head there has this hash.
    pub(super) fn end(&mut self, mut met: impl FnMut(&Hash) -> bool) -> Option<Broken> {
        self.misfit.take().map(|misfit| if met(&misfit.right) { Broken::Link(misfit) } else { Broken::Before(misfit) })
    }
}

/// Hash of `record` as it will be when `previous` is filled in.
fn hash_with(record: &[u8], previous: &Hash) -> Hash {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(previous);
    context.update(&record[32..]);
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}
