//! The whole host, measured in process: see `perf/README.md` for the method.
//!
//! `cargo bench --bench host -- [--quick] [--json] [--passes=N] [PART …]`; the parts are `tick`, `load`, `naive`,
//! `scale` and `start`, and without one all of them.

#[path = "../../benches/shared/mod.rs"]
mod shared;

mod cores;
mod count;
mod decisions;
mod hot;
mod load;
mod naive;
mod scale;
mod source;
mod stages;
mod start;
mod tick;

use cores::Cores;
use hot::Build;
use shared::findings::{self, Findings};
use std::process::ExitCode;

/// As in the program that ships: the naive rival allocates for every message.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What can be measured.
const PARTS: [&str; 5] = ["tick", "load", "naive", "scale", "start"];

/// What was asked for.
struct Asked {
    /// As of all benches.
    bench: findings::Asked,
    /// How often each source is gone through.
    passes: usize,
    /// Of [`PARTS`].
    parts: Vec<String>,
    /// Parts of a decision and messages, for callgrind, in place of all else.
    count: Option<(usize, usize)>,
}

impl Asked {
    /// From the arguments; the error says which of them is wrong, and what there is.
    fn new(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut passes, mut parts, mut others, mut counted) = (None, Vec::new(), Vec::new(), None);
        for argument in arguments {
            if let Some(number) = argument.strip_prefix("--passes=") {
                match number.parse() {
                    Ok(number @ 1..) => passes = Some(number),
                    _ => return Err(format!("`{argument}`: expected a number of passes, at least 1")),
                }
            } else if let Some(asked) = argument.strip_prefix("--count=") {
                let both = asked.split_once(',').and_then(|(parts, of)| Some((parts.parse().ok()?, of.parse().ok()?)));
                match both {
                    Some((parts @ 1..=7, messages @ 1..=count::MOST)) => counted = Some((parts, messages)),
                    _ => {
                        return Err(format!(
                            "`{argument}`: expected --count=PARTS,MESSAGES, 1 to 7 and 1 to {}",
                            count::MOST
                        ));
                    }
                }
            } else if PARTS.contains(&argument.as_str()) {
                parts.push(argument);
            } else {
                others.push(argument);
            }
        }
        let bench = findings::Asked::new(others)
            .map_err(|error| format!("{error} [--passes=N] and the parts {}", PARTS.join(", ")))?;
        if parts.is_empty() {
            parts = PARTS.map(str::to_owned).into();
        }
        Ok(Self { passes: passes.unwrap_or(if bench.quick { 1 } else { 12 }), bench, parts, count: counted })
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.iter().any(|wanted| wanted == part)
    }
}

fn main() -> ExitCode {
    // As in the program that ships.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let environment = std::env::vars().filter(|(name, _)| name.starts_with("TICKPATH__"));
    let loaded = tickpath::config::load(None, environment).map_err(|error| error.to_string());
    let begun = Asked::new(std::env::args().skip(1)).and_then(|asked| Ok((asked, loaded?.config)));
    let (asked, mut config) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            eprintln!("host: {error}");
            return ExitCode::from(2);
        }
    };
    if let Some((parts, messages)) = asked.count {
        println!("{} orders", count::run(&config, parts, messages));
        return ExitCode::SUCCESS;
    }
    "fused".clone_into(&mut config.topology.placement);
    let cores = Cores::now();
    config.topology.cores = Vec::new();
    config.topology.recorder_core = cores.two.map(|(_, other)| other);
    let mut findings = Findings::new("host", asked.bench);
    if ["tick", "load", "naive"].iter().any(|part| asked.wants(part)) {
        for source in source::all(if asked.bench.quick { 20_000 } else { 100_000 }, &mut findings) {
            let (venue, instruments) = (source.venue, source.instruments.clone());
            let build = Build { config: config.clone(), venue, instruments, journal: None };
            if asked.wants("tick") {
                decisions::compare(&build, &source, &cores, asked.passes, &mut findings);
            }
            if asked.wants("load") {
                load::compare(&build, &source, &cores, asked.passes.div_ceil(4), &mut findings);
            }
            if asked.wants("naive") {
                naive::compare::compare(&build, &source, &cores, asked.passes.div_ceil(4), &mut findings);
            }
        }
    }
    if asked.wants("scale") {
        scale::compare(&config, &cores, asked.bench.quick, &mut findings);
    }
    if asked.wants("start") {
        cores.free();
        start::compare(asked.bench.quick, &mut findings);
    }
    findings.finish();
    ExitCode::SUCCESS
}
