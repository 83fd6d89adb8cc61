//! The goals, and whether a finding meets them.
//!
//! All are ratios taken within one run, but where nothing else makes sense (counts, memory, start).

use crate::shared::findings::{Finding, Findings, Sense};
use crate::shared::turns::Ratio;
use std::fmt;

/// One goal, or one part of it.
pub struct Goal {
    /// Its number. A bench says which one its finding is about.
    pub row: u8,
    /// Which part: a finding's must be the same. Empty: the goal has but one, whatever its findings call it.
    pub part: &'static str,
    /// What it is about, its part included.
    pub text: &'static str,
    /// Which way is better.
    pub sense: Sense,
    /// To be reached.
    pub reach: f64,
    /// Better still.
    pub moonshot: f64,
    /// Unit of the figures; empty: ratios.
    pub unit: &'static str,
}

const fn less(row: u8, part: &'static str, text: &'static str, reach: f64, moonshot: f64) -> Goal {
    Goal { row, part, text, sense: Sense::Less, reach, moonshot, unit: "" }
}

const fn more(row: u8, part: &'static str, text: &'static str, reach: f64, moonshot: f64) -> Goal {
    Goal { row, part, text, sense: Sense::More, reach, moonshot, unit: "" }
}

/// All of them, in their order.
#[rustfmt::skip]
pub const GOALS: [Goal; 32] = [
    less(1, "", "one hop, 64 B event, ÷ bare ping-pong floor", 1.25, 1.10),
    less(2, "÷ disruptor", "hop ÷ disruptor", 0.85, 0.70),
    less(2, "÷ best of rtrb, nexus-queue", "hop ÷ best of rtrb, nexus-queue", 1.0, 0.90),
    more(3, "÷ rtrb", "throughput per item ÷ rtrb", 1.2, 1.5),
    more(3, "÷ crossbeam ArrayQueue", "throughput per item ÷ crossbeam ArrayQueue", 4.0, 7.0),
    more(4, "", "throughput, batches of 32, ÷ best rival's batches", 1.0, 1.3),
    more(5, "", "trade and bookTicker JSON to fixed point: speed ÷ best typed decoder", 2.5, 5.0),
    more(6, "", "20-level depth JSON to fixed point: speed ÷ best typed decoder", 2.0, 4.0),
    more(7, "", "decimal string to fixed point: speed ÷ rust_decimal", 2.0, 4.0),
    less(8, "", "ITCH 5.0 decode ÷ bare scan of the length prefixes", 2.0, 1.3),
    more(9, "÷ BTreeMap", "L2 book update: speed ÷ BTreeMap", 5.0, 10.0),
    more(9, "÷ hftbacktest's fast depth", "L2 book update: speed ÷ hftbacktest's fast depth", 1.2, 2.0),
    less(10, "", "fused tick to order ÷ sum of the stages alone", 1.15, 1.0),
    less(11, "", "whole fused tick to order ÷ serde_json's typed decode of the same bytes alone", 1.0, 0.4),
    less(12, "", "pipeline of N hops ÷ (fused + N × floor)", 1.3, 1.1),
    less(13, "", "fused ÷ the naive way", 1.0 / 10.0, 1.0 / 30.0),
    less(14, "", "open loop at 50 %: p99.9 ÷ null pipeline's", 1.3, 1.05),
    less(15, "mirrors on", "hot p50, mirrors on ÷ off", 1.05, 1.01),
    less(15, "Redis stopped", "hot p50, mirrors on and Redis stopped ÷ off", 1.05, 1.01),
    less(15, "PostgreSQL stopped", "hot p50, mirrors on and PostgreSQL stopped ÷ off", 1.05, 1.01),
    less(16, "", "journal append ÷ memcpy of the same bytes", 2.0, 1.3),
    more(17, "", "Redis mirror, events a second ÷ redis-benchmark XADD", 0.7, 1.0),
    more(18, "÷ \\copy", "PostgreSQL mirror, rows a second ÷ \\copy of a ready file", 0.7, 0.95),
    more(18, "÷ prepared INSERTs", "PostgreSQL mirror, rows a second ÷ prepared INSERTs", 20.0, 60.0),
    less(19, "allocations", "allocations an event on the hot path", 0.0, 0.0),
    less(19, "system calls", "system calls an event on the hot path", 0.0, 0.0),
    less(19, "locks", "locks an event on the hot path", 0.0, 0.0),
    more(20, "", "replay of a recorded day: events a second ÷ NautilusTrader's back-test", 100.0, 300.0),
    less(21, "instruments", "an event with 10 000 instruments ÷ with 1", 2.0, 1.5),
    less(21, "features", "an event with 32 features ÷ with 1", 8.0, 4.0),
    Goal { unit: " MB", ..less(22, "MB resident", "resident memory with 1 000 instruments", 512.0, 128.0) },
    Goal { unit: " s", ..less(22, "seconds to the first event", "from start to the first event", 1.0, 0.2) },
];

/// How a finding stands beside its goal; the worse comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The median meets the moonshot.
    Moonshot,
    /// The median meets what is to be reached.
    Met,
    /// Nobody measured it, or all blocks were dropped.
    Unmeasured,
    /// The median does not meet it.
    Missed,
}

/// A standing, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How it stands.
    pub standing: Standing,
    /// Some of the interval meets it and some does not: another run may say otherwise.
    pub crosses: bool,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.standing {
            Standing::Moonshot => "moonshot met",
            Standing::Met => "met",
            Standing::Unmeasured => "not measured",
            Standing::Missed => "not met",
        })?;
        f.write_str(if self.crosses { " (interval crosses)" } else { "" })
    }
}

impl Goal {
    /// Whether a finding is about it.
    pub fn about(&self, finding: &Finding) -> bool {
        finding.row == Some(self.row) && (self.part.is_empty() || self.part == finding.part)
    }

    /// A figure that is to be met, as people write it.
    pub fn bound(&self, figure: f64) -> String {
        let sign = if self.sense == Sense::Less { '≤' } else { '≥' };
        let figure = number(figure);
        let short = if figure.contains('.') { figure.trim_end_matches('0').trim_end_matches('.') } else { &figure };
        format!("{sign} {short}{}", self.unit)
    }

    fn meets(&self, ratio: f64, figure: f64) -> bool {
        match self.sense {
            Sense::Less => ratio <= figure,
            Sense::More => ratio >= figure,
        }
    }

    /// How a finding that is about it stands.
    pub fn judge(&self, finding: &Finding) -> Verdict {
        let Ratio { median, low, high } = finding.ratio;
        if !finding.measured() {
            return Verdict { standing: Standing::Unmeasured, crosses: false };
        }
        let (standing, figure) = if self.meets(median, self.moonshot) {
            (Standing::Moonshot, self.moonshot)
        } else if self.meets(median, self.reach) {
            (Standing::Met, self.reach)
        } else {
            (Standing::Missed, self.reach)
        };
        Verdict { standing, crosses: self.meets(low, figure) != self.meets(high, figure) }
    }

    /// A ratio as a part of what is to be reached, so that 1 meets every goal and less is better. `None` where there is no
    /// such part: nothing can be a part of none.
    pub fn scaled(&self, ratio: Ratio) -> Option<Ratio> {
        let Ratio { median, low, high } = ratio;
        let scaled = match self.sense {
            Sense::Less => Ratio { median: median / self.reach, low: low / self.reach, high: high / self.reach },
            Sense::More => Ratio { median: self.reach / median, low: self.reach / high, high: self.reach / low },
        };
        [scaled.median, scaled.low, scaled.high].iter().all(|part| part.is_finite() && *part > 0.0).then_some(scaled)
    }
}

/// What a bench found about a goal.
pub struct Seen<'a> {
    /// The bench's name.
    pub bench: &'a str,
    /// What it found.
    pub finding: &'a Finding,
    /// How that stands.
    pub verdict: Verdict,
}

/// A goal with all that was found about it.
pub struct Judged<'a> {
    /// The goal.
    pub goal: &'static Goal,
    /// The findings about it, the worst first.
    pub seen: Vec<Seen<'a>>,
}

impl Judged<'_> {
    /// The worst of its findings counts.
    pub fn verdict(&self) -> Verdict {
        self.seen.first().map_or(Verdict { standing: Standing::Unmeasured, crosses: false }, |worst| worst.verdict)
    }
}

/// All goals beside what was found.
pub fn judged(benches: &[Findings]) -> Vec<Judged<'_>> {
    let found =
        || benches.iter().flat_map(|bench| bench.findings.iter().map(|finding| (bench.bench.as_str(), finding)));
    let of = |goal: &'static Goal| {
        let about = found().filter(|(_, finding)| goal.about(finding));
        let mut seen: Vec<Seen<'_>> =
            about.map(|(bench, finding)| Seen { bench, finding, verdict: goal.judge(finding) }).collect();
        // Among those that stand alike the one that is furthest behind: less is better in both senses once turned round.
        let behind = |seen: &Seen<'_>| match goal.sense {
            Sense::Less => seen.finding.ratio.median,
            Sense::More => -seen.finding.ratio.median,
        };
        seen.sort_by(|a, b| b.verdict.standing.cmp(&a.verdict.standing).then_with(|| behind(b).total_cmp(&behind(a))));
        Judged { goal, seen }
    };
    GOALS.iter().map(of).collect()
}

/// Findings that say they are about a goal, but fit none, or see it the other way round: somebody's mistake.
pub fn astray(benches: &[Findings]) -> Vec<String> {
    let mut faults = Vec::new();
    for (bench, finding) in benches.iter().flat_map(|bench| bench.findings.iter().map(move |f| (&bench.bench, f))) {
        let Some(row) = finding.row else { continue };
        let name = format!("{bench}: {} ({}), row {row}", finding.what, finding.part);
        match GOALS.iter().find(|goal| goal.about(finding)) {
            None => faults.push(format!("{name}: there is no such goal")),
            Some(goal) if goal.sense != finding.sense => {
                faults.push(format!("{name}: the goal has it the other way round"));
            }
            Some(_) => {}
        }
    }
    faults
}

/// A figure with three or so digits that count.
pub fn number(figure: f64) -> String {
    match figure.abs() {
        _ if !figure.is_finite() => "–".to_owned(),
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        1.0.. => format!("{figure:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{figure:.3}"),
    }
}
