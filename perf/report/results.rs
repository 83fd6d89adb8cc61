//! All results of a run, as they are recorded, and where they come from.

use crate::goals::{Judged, judged};
use crate::shared::findings::{Findings, Sense};
use crate::shared::turns::Ratio;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Version of the recorded form: another one is not compared with.
pub const SCHEMA: u32 = 1;

/// Everything that one run measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: u32,
    /// When, in UTC.
    pub date: String,
    /// What was measured; `None` where nobody knows.
    pub commit: Option<String>,
    /// Whether there were changes that no commit has.
    pub dirty: bool,
    /// Whether any bench was a smoke run.
    pub quick: bool,
    /// Where.
    pub machine: Machine,
    /// The goals beside what was found.
    pub goals: Vec<Line>,
    /// What was found, by bench.
    pub benches: Vec<Findings>,
    /// What went wrong: benches that say nothing, findings of no goal.
    pub faults: Vec<String>,
}

/// The machine and what built the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its model.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Name and release.
    pub kernel: String,
    /// The compiler.
    pub rustc: String,
    /// How it was built: the profile's settings, and what the environment says otherwise.
    pub profile: String,
}

/// A goal, as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its number.
    pub row: u8,
    /// Its part; empty: it has but one.
    pub part: String,
    /// What it is about.
    pub text: String,
    /// Which way is better.
    pub sense: Sense,
    /// To be reached.
    pub reach: f64,
    /// Better still.
    pub moonshot: f64,
    /// Unit of the figures; empty: ratios.
    pub unit: String,
    /// How it stands, by its worst finding.
    pub verdict: String,
    /// That finding's bench and name.
    pub worst: Option<String>,
    /// And its ratio.
    pub ratio: Option<Ratio>,
}

impl Line {
    fn of(judged: &Judged<'_>) -> Self {
        let (goal, worst) = (judged.goal, judged.seen.first());
        Self {
            row: goal.row,
            part: goal.part.to_owned(),
            text: goal.text.to_owned(),
            sense: goal.sense,
            reach: goal.reach,
            moonshot: goal.moonshot,
            unit: goal.unit.trim().to_owned(),
            verdict: judged.verdict().to_string(),
            worst: worst.map(|seen| format!("{}: {}", seen.bench, seen.finding.what)),
            ratio: worst.filter(|seen| seen.finding.measured()).map(|seen| seen.finding.ratio),
        }
    }
}

impl Results {
    /// Of what `benches` found here and now.
    pub fn new(benches: Vec<Findings>, mut faults: Vec<String>, commit: Option<String>, dirty: bool) -> Self {
        faults.extend(crate::goals::astray(&benches));
        Self {
            schema: SCHEMA,
            date: jiff::Timestamp::now()
                .round(jiff::Unit::Second)
                .map_or_else(|_| String::new(), |now| now.to_string()),
            commit,
            dirty,
            quick: benches.iter().any(|bench| bench.quick),
            machine: Machine::here(),
            goals: judged(&benches).iter().map(Line::of).collect(),
            benches,
            faults,
        }
    }

    /// As recorded in `file`.
    ///
    /// # Errors
    /// It cannot be read, or has another form than this one.
    pub fn read(file: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = fs::read_to_string(file).map_err(|error| wrong(&error))?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        match value["schema"].as_u64() {
            Some(schema) if schema == u64::from(SCHEMA) => serde_json::from_value(value).map_err(|error| wrong(&error)),
            Some(schema) => Err(wrong(&format!("its form is version {schema}, not {SCHEMA}"))),
            None => Err(wrong(&"no recorded results")),
        }
    }
}

/// What the files of a folder say.
#[derive(Debug, Default)]
pub struct Found {
    /// One object a file, in the order of their names.
    pub benches: Vec<Findings>,
    /// Files that cannot be read, and why.
    pub faults: Vec<String>,
    /// Files without findings: somebody else's.
    pub others: Vec<String>,
}

impl Found {
    /// A bench may be run part by part: all of it is one.
    fn put(&mut self, bench: Findings) {
        let Some(same) = self.benches.iter_mut().find(|other| other.bench == bench.bench) else {
            return self.benches.push(bench);
        };
        same.quick |= bench.quick;
        same.findings.extend(bench.findings);
        same.nanos.extend(bench.nanos);
        same.skipped.extend(bench.skipped);
    }
}

/// What all files of a folder say.
///
/// # Errors
/// The folder cannot be read.
pub fn found(folder: &Path) -> Result<Found, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    let mut found = Found::default();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let value = fs::read(&file)
            .map_err(|error| error.to_string())
            .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).map_err(|error| error.to_string()));
        match value {
            Ok(value) if value.get("findings").is_none() => found.others.push(name),
            Ok(value) => match serde_json::from_value::<Findings>(value) {
                Ok(bench) => found.put(bench),
                Err(error) => found.faults.push(format!("{name}: {error}")),
            },
            Err(error) => found.faults.push(format!("{name}: {error}")),
        }
    }
    Ok(found)
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let unknown = || "unknown".to_owned();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let uname = rustix::system::uname();
        let rustc = Command::new("rustc").arg("--version").output().ok().filter(|output| output.status.success());
        Self {
            cpu: model.map_or_else(unknown, |(_, model)| model.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: format!("{} {}", uname.sysname().to_string_lossy(), uname.release().to_string_lossy()),
            rustc: rustc.map_or_else(unknown, |output| String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            profile: profile(&fs::read_to_string("Cargo.toml").unwrap_or_default(), std::env::vars()),
        }
    }
}

/// The release profile of a `manifest`, which benches inherit, and what the environment sets over it.
pub fn profile(manifest: &str, environment: impl Iterator<Item = (String, String)>) -> String {
    let table = toml::from_str::<toml::Table>(manifest).unwrap_or_default();
    let mut text = "release".to_owned();
    let settings = |profile: &str| Some(table.get("profile")?.get(profile)?.as_table()?.clone());
    for (name, value) in ["release", "bench"].into_iter().filter_map(settings).flatten() {
        if !value.is_table() {
            write!(text, ", {name} = {value}").expect("a string takes it");
        }
    }
    let ours =
        |name: &str| ["CARGO_PROFILE_RELEASE_", "CARGO_PROFILE_BENCH_"].iter().any(|head| name.starts_with(head));
    let mut set: Vec<_> = environment.filter(|(name, _)| ours(name) || name == "RUSTFLAGS").collect();
    set.sort();
    for (name, value) in set {
        write!(text, ", {name}={value}").expect("a string takes it");
    }
    text
}
