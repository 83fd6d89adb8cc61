//! The whole host, measured in process: see `perf/README.md` for the method.
//!
//! `perf/tick [--quick] [--json] [--passes=N]`

#[path = "../../benches/shared/mod.rs"]
mod shared;

mod cores;
mod hot;
mod source;
mod stages;
mod tick;

use cores::Cores;
use hot::Build;
use serde_json::{Value, json};
use shared::turns::{Ratio, Turns};
use source::Source;
use std::fmt::Write as _;
use std::process::ExitCode;

/// What was asked for.
struct Asked {
    quick: bool,
    json: bool,
    passes: usize,
}

impl Asked {
    /// From the arguments; the error says which of them is wrong, and what there is.
    fn new(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut asked, mut passes) = (Self { quick: false, json: false, passes: 0 }, None);
        for argument in arguments {
            match argument.as_str() {
                "--quick" => asked.quick = true,
                "--json" => asked.json = true,
                // Cargo's own.
                "--bench" => {}
                other => match other.strip_prefix("--passes=").map(str::parse) {
                    Some(Ok(number @ 1..)) => passes = Some(number),
                    Some(_) => return Err(format!("`{other}`: expected a number of passes, at least 1")),
                    None => return Err(format!("`{other}`; there is [--quick] [--json] [--passes=N]")),
                },
            }
        }
        asked.passes = passes.unwrap_or(if asked.quick { 1 } else { 12 });
        Ok(asked)
    }
}

fn main() -> ExitCode {
    let environment = std::env::vars().filter(|(name, _)| name.starts_with("TICKPATH__"));
    let loaded = tickpath::config::load(None, environment).map_err(|error| error.to_string());
    let begun = Asked::new(std::env::args().skip(1)).and_then(|asked| Ok((asked, loaded?.config)));
    let (asked, mut config) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            eprintln!("perf/tick: {error}");
            return ExitCode::from(2);
        }
    };
    "fused".clone_into(&mut config.topology.placement);
    let cores = Cores::now();
    config.topology.cores = Vec::new();
    config.topology.recorder_core = cores.two.map(|(_, other)| other);
    let mut facts = Vec::new();
    for source in source::all(if asked.quick { 20_000 } else { 100_000 }) {
        let (text, fact) = decisions(&config, &source, &cores, asked.passes);
        if !asked.json {
            println!("{text}");
        }
        facts.push(fact);
    }
    if asked.json {
        println!("{}", json!({ "passes": asked.passes, "decisions": facts }));
    }
    ExitCode::SUCCESS
}

/// Whole decisions beside others' decoding, and each stage alone, over one source.
fn decisions(config: &tickpath::config::Config, source: &Source, cores: &Cores, passes: usize) -> (String, Value) {
    let build =
        Build { config: config.clone(), venue: source.venue, instruments: source.instruments.clone(), journal: None };
    let mut turns = Turns::new(tick::CONTESTANTS);
    let mut parts = Turns::new([tick::CONTESTANTS[0], "fused, no stamps"].into_iter().chain(stages::PARTS));
    let mut orders = 0;
    for _ in 0..passes {
        orders = tick::pass(&build, &source.messages, cores, &mut turns, &mut parts).orders;
    }
    let best = |times: &[f64]| tick::SERDE.map(|who| times[who]).fold(f64::MAX, f64::min);
    let figures: [(&str, Ratio); 4] = [
        ("bytes to order ÷ serde_json's fastest typed decode", turns.figure(|t| t[tick::STAMPED] / best(t))),
        ("the same without stamps", turns.figure(|t| t[tick::BARE] / best(t))),
        ("without stamps ÷ the fastest typed decode here", {
            turns.figure(|t| t[tick::BARE] / t[tick::SERDE.start..].iter().copied().fold(f64::MAX, f64::min))
        }),
        ("fused ÷ sum of the stages alone", parts.figure(|t| t[1] / t[2..].iter().sum::<f64>())),
    ];
    let mut text = format!(
        "\n{}: {} messages, {orders} orders a pass; {} of {} blocks of {} kept\n",
        source.name,
        source.messages.len(),
        turns.kept().len(),
        turns.blocks(),
        tick::BLOCK
    );
    let mut list = |turns: &Turns, to: usize, name: &str| {
        for (who, contestant) in turns.names().iter().enumerate() {
            let (nanos, ratio) = (turns.nanos(who).median, turns.ratio(who, to));
            writeln!(text, "  {contestant:<40} {nanos:>8.1} ns   {ratio} × {name}").expect("a string takes it");
        }
    };
    list(&turns, tick::STAMPED, "tickpath");
    list(&parts, 1, "fused");
    for (name, ratio) in &figures {
        writeln!(text, "  {name}: {ratio}").expect("a string takes it");
    }
    let told = |ratio: &Ratio| json!({ "median": ratio.median, "low": ratio.low, "high": ratio.high });
    let fact = json!({
        "source": source.name, "messages": source.messages.len(), "orders": orders,
        "blocks": turns.blocks(), "kept": turns.kept().len(),
        "figures": figures.iter().map(|(name, ratio)| (*name, told(ratio))).collect::<std::collections::BTreeMap<_, _>>(),
        "nanos": turns.names().iter().enumerate().map(|(who, name)| (name.clone(), told(&turns.nanos(who)))).collect::<std::collections::BTreeMap<_, _>>(),
        "stages": parts.names().iter().enumerate().map(|(who, name)| (name.clone(), told(&parts.nanos(who)))).collect::<std::collections::BTreeMap<_, _>>(),
    });
    (text, fact)
}
