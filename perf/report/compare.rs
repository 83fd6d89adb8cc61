//! This run beside a recorded one.
//!
//! Each side is a ratio within its own run. Two runs of one build differ on a shared machine too, so only what lies outside
//! both intervals is told apart, and even that is no proof: builds in turns are (`perf/NOTES.md`).

use crate::results::Results;
use crate::shared::findings::{Finding, Findings, Sense};
use std::fmt;

/// Blocks below which an interval says nothing.
const BLOCKS_MIN: usize = 5;

/// How a finding moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The intervals overlap.
    Noise,
    /// They do not, and it is better now.
    Better,
    /// They do not, and it is worse now.
    Worse,
    /// There are too few blocks on one of the sides.
    Unknown,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Noise => "within noise",
            Self::Better => "better: differs beyond both intervals",
            Self::Worse => "worse: differs beyond both intervals",
            Self::Unknown => "too few blocks to tell",
        })
    }
}

/// One finding in both runs.
pub struct Pair<'a> {
    /// The bench's name.
    pub bench: &'a str,
    /// As it was recorded.
    pub before: &'a Finding,
    /// As it is now.
    pub now: &'a Finding,
}

impl Pair<'_> {
    /// The median now ÷ the one before.
    pub fn change(&self) -> f64 {
        self.now.ratio.median / self.before.ratio.median
    }

    /// How it moved.
    pub fn moved(&self) -> Moved {
        let sides = [self.before, self.now];
        if sides.iter().any(|side| !side.measured() || side.kept < BLOCKS_MIN) {
            return Moved::Unknown;
        }
        let [before, now] = sides.map(|side| side.ratio);
        let (less, more) = (now.high < before.low, now.low > before.high);
        match (less, more, self.now.sense) {
            (false, false, _) => Moved::Noise,
            (true, _, Sense::Less) | (_, true, Sense::More) => Moved::Better,
            _ => Moved::Worse,
        }
    }
}

/// All of it.
pub struct Comparison<'a> {
    /// What is in both, goals first, in the order of their numbers.
    pub pairs: Vec<Pair<'a>>,
    /// What only the recorded one has.
    pub gone: Vec<String>,
    /// What only this one has.
    pub new: Vec<String>,
    /// Why the two are not of a kind.
    pub unlike: Vec<String>,
}

/// Names a finding, the same in every run.
fn name(bench: &str, finding: &Finding) -> String {
    let row = finding.row.map_or_else(String::new, |row| format!("row {row}, "));
    format!("{row}{bench}: {}, {}", finding.what, finding.part)
}

fn all(benches: &[Findings]) -> impl Iterator<Item = (&str, &Finding)> {
    benches.iter().flat_map(|bench| bench.findings.iter().map(|finding| (bench.bench.as_str(), finding)))
}

/// `now` beside `before`.
pub fn compared<'a>(before: &'a Results, now: &'a Results) -> Comparison<'a> {
    let same = |(a_bench, a): (&str, &Finding), (b_bench, b): (&str, &Finding)| {
        (a_bench, a.row, &a.part, &a.what) == (b_bench, b.row, &b.part, &b.what)
    };
    let (mut pairs, mut new) = (Vec::new(), Vec::new());
    for (bench, finding) in all(&now.benches) {
        match all(&before.benches).find(|other| same(*other, (bench, finding))) {
            Some((_, before)) => pairs.push(Pair { bench, before, now: finding }),
            None => new.push(name(bench, finding)),
        }
    }
    let gone = all(&before.benches).filter(|one| !all(&now.benches).any(|other| same(*one, other)));
    let gone = gone.map(|(bench, finding)| name(bench, finding)).collect();
    pairs.sort_by_key(|pair| pair.now.row.unwrap_or(u8::MAX));
    let (a, b) = (&before.machine, &now.machine);
    let mut unlike = Vec::new();
    for (what, before, now) in [
        ("processor", &a.cpu, &b.cpu),
        ("cores", &a.cores.to_string(), &b.cores.to_string()),
        ("kernel", &a.kernel, &b.kernel),
        ("compiler", &a.rustc, &b.rustc),
        ("profile", &a.profile, &b.profile),
        ("length", &length(before).to_owned(), &length(now).to_owned()),
    ] {
        if before != now {
            unlike.push(format!("{what}: {before}, now {now}"));
        }
    }
    Comparison { pairs, gone, new, unlike }
}

fn length(results: &Results) -> &'static str {
    if results.quick { "quick" } else { "full" }
}
