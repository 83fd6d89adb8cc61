//! How long the program takes to its first event, and how much memory a thousand instruments are.
//!
//! Both are of the program as it ships, run as a user runs it, with a journal in a folder of its own. The time is from the start
//! of the process to its *end* after one event, which is more than what the goal asks for; beside it stands a process that only
//! says its version. Memory is what the kernel says was resident at most (`VmHWM`).

use crate::shared::findings::{Finding, Findings, Sense};
use crate::shared::turns::Ratio;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_tickpath");
/// Instruments of the goal.
const INSTRUMENTS: usize = 1_000;

/// Seconds that a run took, and the most memory that it had, in MB.
fn run(arguments: &[&str], home: &Path, number: usize) -> (f64, f64) {
    let (journal, latency) = (home.join(format!("journal-{number}")), home.join("latency"));
    let mut command = Command::new(PROGRAM);
    command.args(arguments);
    if arguments.first() != Some(&"--version") {
        command.arg("--journal").arg(&journal).arg("--latency").arg(&latency);
    }
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0.0;
    let code = loop {
        if let Some(code) = child.try_wait().expect("a child of ours") {
            break code;
        }
        // It only grows, so the last look at it is the most that there was, but for what came behind it.
        if let Some(kilobytes) = std::fs::read_to_string(&status).ok().and_then(|text| {
            text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok())
        }) {
            most = kilobytes / 1e3;
        }
        std::thread::sleep(Duration::from_micros(500));
    };
    assert!(code.success(), "`tickpath {}` ended with {code}", arguments.join(" "));
    (begun.elapsed().as_secs_f64(), most)
}

/// A configuration with so many generated instruments.
fn configuration(count: usize) -> String {
    let mut text = include_str!("../../src/default.toml").to_owned();
    text = text.replacen("[topology]", &format!("[topology]\ninstruments_max = {count}"), 1);
    for number in 0..count {
        write!(text, "\n[[sim.generator.instruments]]\nsymbol = \"A{number:04}USDT\"\nevents_per_s = 1.0\n")
            .expect("a string takes it");
    }
    text
}

/// Row 22.
pub fn compare(quick: bool, findings: &mut Findings) {
    let home = tempfile::tempdir().expect("a folder");
    let rounds = if quick { 3 } else { 15 };
    let one = ["run", "--speed", "max", "--events", "1", "--start", "1700000000000000000", "--plain"];
    let (mut nothing, mut first) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        nothing.push(run(&["--version"], home.path(), round).0);
        first.push(run(&one, home.path(), round).0);
    }
    let file = home.path().join("thousand.toml");
    std::fs::write(&file, configuration(INSTRUMENTS)).expect("a file");
    let config = file.to_str().expect("a path");
    let events = if quick { "20000" } else { "200000" };
    let many =
        ["--config", config, "run", "--speed", "max", "--events", events, "--start", "1700000000000000000", "--plain"];
    let resident: Vec<f64> = (0..rounds.div_ceil(3)).map(|round| run(&many, home.path(), rounds + round).1).collect();
    let (runs, resident) = (resident.len(), Ratio::of(resident));

    let (nothing, first) = (Ratio::of(nothing), Ratio::of(first));
    findings.say("\nthe program as it ships:");
    findings.say(format_args!("  seconds until it said its version: {nothing}"));
    findings.say(format_args!("  seconds from start to end with one event: {first}"));
    findings.say(format_args!("  {resident} MB resident at most with {INSTRUMENTS} instruments and {events} messages"));
    let mut told = |part: &str, what: String, ratio: Ratio, blocks: usize| {
        let (row, part) = (Some(22), part.to_owned());
        findings.findings.push(Finding { row, part, what, sense: Sense::Less, ratio, kept: blocks, blocks });
    };
    told("seconds to the first event", "start to end of a run of one event".to_owned(), first, rounds);
    told("MB resident", format!("{INSTRUMENTS} instruments"), resident, runs);
}
