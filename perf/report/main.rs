//! What all benches found, beside the goals: results, a report to read, plots; and beside what was recorded before.
//!
//! ```text
//! FROM/*.json, one object a bench ──→ goals ─┬─→ TO/results.json      everything, to be recorded
//!                                            ├─→ TO/results.md        tables to read
//! AGAINST, recorded before ───→ compare ─────┘─→ TO/*.svg             plots
//! ```
//!
//! `perf/run` calls it. `cargo bench --bench report [-- --check]`: measures nothing, and checks itself over made-up findings.

#[path = "../../benches/shared/mod.rs"]
mod shared;

mod check;
mod compare;
mod goals;
mod markdown;
mod plots;
mod results;

use results::{Found, Results};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is compared with if nothing else is said.
const RECORDED: &str = "perf/results/latest.json";

const USAGE: &str =
    "report --from DIR --to DIR [--against FILE] [--commit HASH] [--dirty] [--failed BENCH]…, or report [--check]";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    /// What the benches said; `None`: it is to check itself.
    from: Option<PathBuf>,
    to: PathBuf,
    against: Option<PathBuf>,
    commit: Option<String>,
    dirty: bool,
    failed: Vec<String>,
}

impl Asked {
    /// From the arguments; the error says which of them is wrong, and what there is.
    fn new(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let (mut asked, mut to) = (Self::default(), None);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` of what? {USAGE}"));
            match argument.as_str() {
                "--from" => asked.from = Some(value()?.into()),
                "--to" => to = Some(value()?),
                "--against" => asked.against = Some(value()?.into()),
                "--commit" => asked.commit = Some(value()?),
                "--failed" => asked.failed.push(value()?),
                "--dirty" => asked.dirty = true,
                // Cargo's own, and what a smoke run of all benches says.
                "--check" | "--bench" | "--quick" => {}
                other => return Err(format!("`{other}`; there is {USAGE}")),
            }
        }
        match (&asked.from, to) {
            (Some(_), Some(to)) => asked.to = to.into(),
            (None, None) => {}
            _ => return Err(format!("`--from` and `--to` go together: {USAGE}")),
        }
        Ok(asked)
    }
}

fn main() -> ExitCode {
    let asked = match Asked::new(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("perf/report: {error}");
            return ExitCode::from(2);
        }
    };
    let done = match &asked.from {
        Some(from) => report(from, &asked),
        None => check::all(),
    };
    match done {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            for wrong in wrong {
                eprintln!("perf/report: {wrong}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Reads, judges and writes everything. Gives the table of the goals; what went wrong is told once all is written.
fn report(from: &Path, asked: &Asked) -> Result<String, Vec<String>> {
    let Found { benches, mut faults, others } = results::found(from).map_err(|error| vec![error])?;
    for name in others {
        eprintln!("perf/report: {name}: no findings in it, left out");
    }
    if benches.is_empty() {
        faults.push(format!("{}: no bench found anything", from.display()));
        return Err(faults);
    }
    faults.extend(asked.failed.iter().map(|bench| format!("{bench}: it failed, and nothing of it is here")));
    let results = Results::new(benches, faults, asked.commit.clone(), asked.dirty);
    let before = match &asked.against {
        Some(file) => Some(Results::read(file)),
        None => Path::new(RECORDED).exists().then(|| Results::read(Path::new(RECORDED))),
    };
    let comparison = before.as_ref().map(|before| before.as_ref().map(|before| compare::compared(before, &results)));
    let judged = goals::judged(&results.benches);
    let mut wrong = results.faults.clone();
    // What was asked for by name must be there; what lies there by itself may be of another form.
    if let (Some(Err(why)), true) = (&before, asked.against.is_some()) {
        wrong.push(why.clone());
    }

    let mut plots = vec![("goals.svg".to_owned(), plots::goals(&judged))];
    for bench in &results.benches {
        plots.extend(plots::contestants(bench).map(|plot| (format!("{}.svg", bench.bench), plot)));
    }
    let mut written: Vec<(String, String)> = Vec::new();
    for (name, plot) in plots {
        match plot {
            Ok(plot) => written.push((name, plot)),
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    let names: Vec<String> = written.iter().map(|(name, _)| name.clone()).collect();
    let beside = comparison.as_ref().map(|beside| beside.as_ref().map_err(|why| why.as_str()));
    written.push(("results.md".to_owned(), markdown::report(&results, beside, &names)));
    let json = serde_json::to_string_pretty(&results).expect("strings and numbers");
    written.push(("results.json".to_owned(), json + "\n"));
    let written = fs::create_dir_all(&asked.to)
        .and_then(|()| written.iter().try_for_each(|(name, text)| fs::write(asked.to.join(name), text)));
    if let Err(error) = written {
        wrong.push(format!("{}: {error}", asked.to.display()));
    }
    let told = markdown::goals(&judged);
    if wrong.is_empty() {
        return Ok(told);
    }
    println!("{told}");
    Err(wrong)
}
