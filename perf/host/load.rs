//! Open loop: frames arrive by a schedule that nothing holds up, and latency counts from the *scheduled* arrival to the finished
//! decision, so that what waits behind a slow one is counted too.
//!
//! Beside it, in turns, the *null pipeline*: the same schedule on the same core, and nothing done with a frame but to note that
//! it is there. Its tail is the machine's: preemption by the host of the virtual machine, interrupts, the clock's own steps.
//!
//! Arrivals are evenly spaced. At a share of what the path can do when nobody makes it wait (measured first, in blocks that
//! are shorter than the ring), a burst in the input is then a matter of what the frames hold, as it is with a venue. A paced
//! block is longer than the ring: whether the recorder ever held the path up is told, and its waiting is part of the latency.
//!
//! No block is dropped: a block that was disturbed is what a tail is made of.

use crate::cores::Cores;
use crate::hot::{Build, HotPath};
use crate::shared::binance::Message;
use crate::shared::findings::{Contestant, Finding, Findings, Sense};
use crate::shared::turns::{Ratio, timed};
use crate::source::Source;
use crate::tick;
use hdrhistogram::Histogram;
use std::hint::black_box;
use tickpath::runtime::clock::Tsc;

/// Messages of a block, unless it is a smoke run: at a million a second 16 ms, and eight of them beyond p99.9.
const BLOCK: usize = 8192;
/// Load, in percent of saturation.
const SHARES: [u32; 3] = [10, 50, 80];
/// The quantiles that are told.
const QUANTILES: [(f64, &str); 4] = [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9"), (0.9999, "p99.99")];

/// Three digits, up to 100 s.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 100_000_000_000, 3).expect("three digits")
}

/// Latencies of one contestant under one load.
struct Taken {
    all: Histogram<u64>,
    /// By block: p50, p99, p99.9 and p99.99.
    blocks: Vec<[f64; QUANTILES.len()]>,
}

impl Taken {
    fn new() -> Self {
        Self { all: histogram(), blocks: Vec::new() }
    }

    /// A block's, in nanoseconds.
    fn take(&mut self, nanos: impl Iterator<Item = u64>) {
        let mut block = histogram();
        nanos.for_each(|nanos| block.saturating_record(nanos.max(1)));
        self.blocks.push(QUANTILES.map(|(quantile, _)| block.value_at_quantile(quantile) as f64));
        self.all.add(&block).expect("the same bounds");
    }

    /// Its quantiles over all samples, for the record.
    fn contestants(&self) -> Vec<Contestant> {
        let whole = |name: String, nanos: u64| Contestant { name, nanos: Ratio::of(vec![nanos as f64]), ratio: None };
        let at = |(quantile, name): (f64, &str)| whole(name.to_owned(), self.all.value_at_quantile(quantile));
        let most = whole(format!("max of {} samples", self.all.len()), self.all.max());
        QUANTILES.into_iter().map(at).chain([most]).collect()
    }

    fn line(&self) -> String {
        let at = |(quantile, name): (f64, &str)| format!("{name} {} ns", self.all.value_at_quantile(quantile));
        let quantiles = QUANTILES.map(at).join(", ");
        format!("{quantiles}, max {} ns, {} samples", self.all.max(), self.all.len())
    }
}

/// One block by its schedule: a message every `gap` ticks. Gives what each took from its scheduled arrival, in ticks.
#[inline(always)]
fn paced(tsc: &Tsc, gap: f64, block: &[Message], taken: &mut Vec<(u64, u64)>, mut work: impl FnMut(&Message, u64)) {
    taken.clear();
    let from = tsc.read() + gap as u64;
    for (number, message) in block.iter().enumerate() {
        let due = from + (number as f64 * gap) as u64;
        while tsc.read() < due {}
        work(message, due);
        taken.push((due, tsc.read()));
    }
}

/// Nanoseconds a message where nobody waits: the fused path in closed loop, over all `messages`.
///
/// # Panics
/// If the recorder held it up.
fn saturation(build: &Build, messages: &[Message], cores: &Cores) -> f64 {
    let mut path = start(build, messages, cores);
    let mut times: Vec<f64> = messages
        .chunks(tick::BLOCK)
        .map(|block| {
            let time = timed(|| block.iter().for_each(|message| path.tick(message.at, black_box(&message.bytes))));
            path.answer();
            path.settle();
            time / block.len() as f64
        })
        .collect();
    assert_eq!(path.stalls(), 0, "nobody waits");
    path.finish();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn start(build: &Build, messages: &[Message], cores: &Cores) -> HotPath {
    cores.free();
    let path = HotPath::start(build, messages[0].at - 1_000_000);
    cores.pin();
    path
}

/// All loads over one source.
pub fn compare(build: &Build, source: &Source, cores: &Cores, passes: usize, findings: &mut Findings) {
    let messages = source.messages.as_slice();
    assert!(messages.len() >= BLOCK, "{}: a whole block at least", source.name);
    let tsc = Tsc::new();
    let each = saturation(build, messages, cores);
    findings.say(format_args!("\n{}: open loop; saturated, a message takes {each:.0} ns", source.name));
    let ticks_per_nano = ticks_per_nano(&tsc);
    for share in SHARES {
        let gap = each * 100.0 / f64::from(share) * ticks_per_nano;
        let (mut ours, mut null) = (Taken::new(), Taken::new());
        let mut taken = Vec::with_capacity(BLOCK);
        let mut stalls = 0;
        for _ in 0..passes {
            let mut path = start(build, messages, cores);
            for (number, block) in messages.chunks_exact(BLOCK).enumerate() {
                // Ours, null; null, ours.
                for turn in 0..2 {
                    if (number + turn) % 2 == 0 {
                        paced(&tsc, gap, block, &mut taken, |message, due| {
                            path.tick_from(message.at, black_box(&message.bytes), due);
                        });
                        ours.take(taken.iter().map(|(due, done)| tsc.nanos_between(*due, *done)));
                        path.answer();
                        path.settle();
                    } else {
                        paced(&tsc, gap, block, &mut taken, |message, _| _ = black_box(message.bytes.len()));
                        null.take(taken.iter().map(|(due, done)| tsc.nanos_between(*due, *done)));
                    }
                }
            }
            stalls += path.stalls();
            let came = path.finish();
            assert!(came.inputs >= messages.len() as u64 / 2, "it did its work: {came:?}");
        }
        if stalls > 0 {
            findings.say(format_args!("  {share:>2} % of saturation: the ring was full {stalls} times"));
        }
        let title = |who: &str| format!("{}: open loop at {share} %, {who}", source.name);
        findings.nanos.insert(title("tickpath"), ours.contestants());
        findings.nanos.insert(title("null pipeline"), null.contestants());
        findings.say(format_args!("  {share:>2} % of saturation, tickpath       {}", ours.line()));
        findings.say(format_args!("  {share:>2} % of saturation, null pipeline  {}", null.line()));
        for (at, (_, name)) in QUANTILES.iter().enumerate().take(3) {
            let ratio =
                Ratio::of(ours.blocks.iter().zip(&null.blocks).map(|(ours, null)| ours[at] / null[at]).collect());
            findings.say(format_args!("     {name} ÷ null pipeline's, block by block: {ratio}"));
            findings.findings.push(Finding {
                row: (share == 50 && *name == "p99.9").then_some(14),
                part: format!("{name} at {share} % ÷ null pipeline's"),
                what: source.name.clone(),
                sense: Sense::Less,
                ratio,
                kept: ours.blocks.len(),
                blocks: ours.blocks.len(),
            });
        }
        // A tail that shows in few blocks is not in their median: all samples together say it too, and the worse counts.
        let whole = |taken: &Taken| taken.all.value_at_quantile(0.999) as f64;
        let ratio = Ratio::of(vec![whole(&ours) / whole(&null)]);
        findings.say(format_args!("     p99.9 of all samples ÷ the null pipeline's: {:.2}", ratio.median));
        findings.findings.push(Finding {
            row: (share == 50).then_some(14),
            part: format!("p99.9 of all samples at {share} % ÷ null pipeline's"),
            what: source.name.clone(),
            sense: Sense::Less,
            ratio,
            kept: ours.blocks.len(),
            blocks: ours.blocks.len(),
        });
    }
}

/// Ticks of the counter in a nanosecond.
fn ticks_per_nano(tsc: &Tsc) -> f64 {
    let ticks = 1_000_000_000;
    let from = tsc.read();
    ticks as f64 / tsc.nanos_between(from, from + ticks) as f64
}
