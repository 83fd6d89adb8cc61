//! The whole host, measured in process: see `perf/README.md` for the method. Run by `perf/run`.

#[path = "../../benches/shared/mod.rs"]
mod shared;

mod hot;
mod stages;
mod tick;

use hot::Build;
use shared::binance::{CAPTURES, captured};
use shared::turns::Turns;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let passes = arguments.iter().find_map(|a| a.strip_prefix("--passes=")).map_or(6, |n| n.parse().expect("a number"));
    let profile = arguments.iter().any(|a| a == "--profile");
    let mut config = tickpath::config::load(None, std::iter::empty()).expect("the default configuration").config;
    config.topology.placement = "fused".to_owned();
    for (file, venue) in CAPTURES {
        let Some(messages) = captured(file) else {
            println!("{file}: SKIPPED, no capture (TICKPATH_CAPTURES names the folder)");
            continue;
        };
        let build = Build { config: config.clone(), venue, journal: None };
        if profile {
            let mut path = hot::HotPath::start(&build, messages[0].at);
            for block in messages.chunks(tick::BLOCK) {
                for message in block {
                    path.tick(message.at, &message.bytes);
                }
                path.answer();
            }
            println!("{:?}", path.finish());
            return;
        }
        let mut turns = Turns::new(tick::CONTESTANTS);
        let mut parts = Turns::new(std::iter::once("fused, no stamps").chain(stages::PARTS));
        for _ in 0..passes {
            let (stamped, bare) = tick::pass(&build, &messages, &mut turns, &mut parts);
            assert_eq!((stamped.orders, stamped.inputs), (bare.orders, bare.inputs), "stamps change nothing");
        }
        println!("\n{file}: {} of {} blocks kept", turns.kept().len(), turns.blocks());
        for (who, name) in turns.names().iter().enumerate() {
            println!(
                "  {name:<40} {:>8.1} ns   {} × tickpath",
                turns.nanos(who).median,
                turns.ratio(who, tick::STAMPED)
            );
        }
        println!("  each stage alone: {} of {} blocks kept", parts.kept().len(), parts.blocks());
        for (who, name) in parts.names().iter().enumerate() {
            println!("    {name:<38} {:>8.1} ns   {} × fused", parts.nanos(who).median, parts.ratio(who, 0));
        }
        println!(
            "  fused ÷ sum of the stages alone: {}",
            parts.figure(|times| times[0] / times[1..].iter().sum::<f64>())
        );
        let best = |times: &[f64]| tick::SERDE.map(|who| times[who]).fold(f64::MAX, f64::min);
        println!("  tickpath ÷ best serde_json: {}", turns.figure(|times| times[tick::STAMPED] / best(times)));
        println!("  without stamps ÷ best serde_json: {}", turns.figure(|times| times[tick::BARE] / best(times)));
    }
}
