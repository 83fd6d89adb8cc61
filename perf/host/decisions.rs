//! Whole decisions beside others' decoding, and each stage alone, over one source.

use crate::cores::Cores;
use crate::hot::Build;
use crate::shared::findings::{Findings, Sense};
use crate::shared::turns::Turns;
use crate::source::Source;
use crate::stages::{self, LONE};
use crate::tick;

/// Rows 10 and 11.
pub fn compare(build: &Build, source: &Source, cores: &Cores, passes: usize, findings: &mut Findings) {
    let mut turns = Turns::new(tick::CONTESTANTS);
    let lone = LONE.map(|(name, _)| name);
    let mut parts = Turns::new([tick::CONTESTANTS[0], "fused, no stamps"].into_iter().chain(lone).chain(stages::PARTS));
    let mut orders = 0;
    for _ in 0..passes {
        orders = tick::pass(build, &source.messages, cores, &mut turns, &mut parts).orders;
    }
    let (name, messages) = (source.name.as_str(), source.messages.len());
    findings.say(format_args!("\n{name}: {messages} messages, {orders} orders a pass; blocks of {}", tick::BLOCK));
    findings.table(&format!("{name}: bytes to order, and decoding alone"), "message", &turns);
    findings.table(&format!("{name}: fused, and each stage alone"), "message", &parts);
    let best = |times: &[f64]| tick::SERDE.map(|who| times[who]).fold(f64::MAX, f64::min);
    let any = |times: &[f64]| times[tick::SERDE.start..].iter().copied().fold(f64::MAX, f64::min);
    // Behind the floor and the fused paths.
    let alone = 2 + LONE.len();
    let mut told = |row: Option<u8>, part: &str, turns: &Turns, of: &dyn Fn(&[f64]) -> f64| {
        let ratio = turns.figure(of);
        findings.say(format_args!("  {part}: {ratio}"));
        findings.found(row, part, name, Sense::Less, ratio, turns);
    };
    told(Some(11), "bytes to order ÷ serde_json's fastest typed decode", &turns, &|t| t[tick::STAMPED] / best(t));
    told(None, "bytes to order, no stamps ÷ serde_json's fastest typed decode", &turns, &|t| t[tick::BARE] / best(t));
    told(None, "bytes to order, no stamps ÷ the fastest typed decode here", &turns, &|t| t[tick::BARE] / any(t));
    told(Some(10), "fused ÷ sum of the stages alone", &parts, &|t| t[1] / t[alone..].iter().sum::<f64>());
}
