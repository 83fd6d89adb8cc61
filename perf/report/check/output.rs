//! What is read and written: files, tables, plots, arguments.

use super::{Checks, made_up, ratio, results};
use crate::goals::{GOALS, judged};
use crate::results::{Found, Machine, Results, found, profile};
use crate::shared::findings::Asked;
use crate::{markdown, plots};
use std::fs;

/// Results, written and read again.
pub fn recorded(checks: &mut Checks) {
    let results = results(made_up());
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("latest.json");
    let text = serde_json::to_string(&results).expect("strings and numbers");
    fs::write(&file, &text).expect("a file in it");
    // What is no number is not equal to itself; its text is.
    let again = Results::read(&file).map(|again| serde_json::to_string(&again).expect("strings and numbers"));
    checks.same("recorded, and read again", again.as_ref(), Ok(&text));
    fs::write(&file, text.replacen("\"schema\":1", "\"schema\":7", 1)).expect("a file in it");
    let other = Results::read(&file).err().unwrap_or_default();
    checks.has("another form", &other, "its form is version 7, not 1");
    fs::write(&file, "{}").expect("a file in it");
    checks.has("no form", &Results::read(&file).err().unwrap_or_default(), "no recorded results");
    checks.has("the verdicts are recorded", &text, "\"verdict\":\"not met (interval crosses)\"");
    let machine = Machine::here();
    let known = [&machine.cpu, &machine.kernel, &machine.rustc, &machine.profile].iter().all(|text| !text.is_empty());
    checks.same("something is known of the machine", (known, machine.cores > 0), (true, true));
    let manifest = "[profile.release]\nlto = \"thin\"\n[profile.release.package.x]\ndebug = false\n[profile.bench]\ndebug = true\n";
    let set = [("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_HOME", "x"), ("RUSTFLAGS", "-C y")];
    let profile = profile(manifest, set.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    let expected = "release, lto = \"thin\", debug = true, CARGO_PROFILE_RELEASE_LTO=off, RUSTFLAGS=-C y";
    checks.same("the profile", profile, expected.to_owned());
}

/// A folder of what benches said.
pub fn read(checks: &mut Checks) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file in it");
    for bench in made_up() {
        write(&format!("{}.json", bench.bench), &serde_json::to_string(&bench).expect("strings and numbers"));
    }
    write("other.json", "{\"bench\":\"other\",\"decisions\":[]}");
    write("log.txt", "no JSON");
    write("torn.json", "{\"bench\":");
    write("odd.json", "{\"bench\":\"odd\",\"quick\":false,\"findings\":[{\"row\":\"one\"}]}");
    write("plain.json", "{\"bench\":\"plain\",\"quick\":true,\"findings\":[]}");
    write("ring-2.json", "{\"bench\":\"ring\",\"quick\":false,\"findings\":[],\"skipped\":[\"the second part\"]}");
    let Found { benches, faults, others } = found(folder.path()).unwrap_or_default();
    let names: Vec<_> = benches.iter().map(|bench| bench.bench.as_str()).collect();
    checks.same("what was found", names, vec!["host", "journal", "plain", "ring"]);
    let skipped = benches.last().map_or(0, |bench| bench.skipped.len());
    checks.same("a bench in two files is one", skipped, 2);
    checks.same("one quick bench makes it a quick run", results(benches).quick, true);
    let starts: Vec<_> = faults.iter().map(|fault| fault.split(':').next().unwrap_or_default()).collect();
    checks.same("what is somebody else's", others, vec!["other.json".to_owned()]);
    checks.same("what could not be read", starts, vec!["odd.json", "torn.json"]);
    checks.same("a folder that is not there", found(&folder.path().join("none")).is_err(), true);
}

/// The report to read.
pub fn text(checks: &mut Checks) {
    let mut results = results(made_up());
    results.faults.push("decode: it failed".to_owned());
    let text = markdown::report(&results, None, &["goals.svg".to_owned(), "ring.svg".to_owned()]);
    for part in [
        "at commit 0123456789ab with changes that are not committed",
        "- decode: it failed",
        "are met and 1 more the moonshot too, 1 are not met, 29 are not measured",
        "| 1 | one hop, 64 B event, ÷ bare ping-pong floor | 1.20 [1.10 to 1.30] | ≤ 1.25 | ≤ 1.1 | met (interval crosses) | ring: a \\| b | 18 | 2 |",
        "| 3 | throughput per item ÷ crossbeam ArrayQueue | – | ≥ 4 | ≥ 7 | not measured |  |  |  |",
        "| 16 | journal append ÷ memcpy of the same bytes | – | ≤ 2 | ≤ 1.3 | not measured | journal: quote | 0 | 20 |",
        "| 1 | ring | ring | ÷ floor | 1.05 [1.00 to 1.20] | moonshot met (interval crosses) | 18 | 2 |",
        "|  | ring | beside all goals | ÷ something | 4.00 [3.00 to 5.00] |  | 18 | 2 |",
        "Nothing was recorded to compare with.",
        "- ring: no capture",
        "(goals.svg)",
        "(ring.svg)",
    ] {
        checks.has("the report", &text, part);
    }
    for goal in &GOALS {
        checks.has("every goal is told", &text, &format!("| {} | {} |", goal.row, goal.text));
    }
    checks.same("no quick run", text.contains("quick run"), false);
    results.quick = true;
    checks.has("a quick run", &markdown::report(&results, Some(Err("why")), &[]), "its figures prove nothing");
    checks.has("no comparison", &markdown::report(&results, Some(Err("why")), &[]), "Not compared: why.");
}

/// Plots.
pub fn drawn(checks: &mut Checks) {
    let benches = made_up();
    let judged = judged(&benches);
    let plot = plots::goals(&judged).unwrap_or_default();
    checks.same("a plot is SVG", (plot.starts_with("<svg"), plot.trim_end().ends_with("</svg>")), (true, true));
    for one in &judged {
        // SVG writes signs in its own way.
        checks.has("every goal is in the plot", &plot, one.goal.text.split('\'').next().unwrap_or_default());
    }
    checks.same("one dot a goal that was measured and has a part", plot.matches("<circle").count(), 2);
    checks.same("no number is left out of place", plot.contains("NaN") || plot.contains("inf\""), false);
    let ring = benches.first().and_then(plots::contestants).and_then(Result::ok).unwrap_or_default();
    checks.has("a table's name", &ring, "hop");
    checks.has("a name with signs", &ring, "&lt;rtrb&gt;");
    checks.same("one dot a contestant", ring.matches("<circle").count(), 3);
    let mut bytes = made_up().swap_remove(0);
    for one in bytes.nanos.values_mut().flatten().filter(|one| one.name.starts_with("floor")) {
        one.ratio = Some(ratio([1e-5; 3]));
    }
    let bytes = plots::contestants(&bytes).and_then(Result::ok).unwrap_or_default();
    checks.same("no dot for a floor that is counted in bytes", bytes.matches("<circle").count(), 2);
    checks.same("no contestants, no plot", benches.get(1).and_then(plots::contestants).is_none(), true);
    let far = [1e-9, 1e12].map(|at| plots::Bar {
        label: "far".to_owned(),
        note: "away".to_owned(),
        at: Some(ratio([at; 3])),
        mark: None,
        color: plotters::style::BLACK,
    });
    checks.has("far away", &plots::chart("t", "n", &far).unwrap_or_default(), "<circle");
}

/// Arguments, of the benches and of the report.
pub fn arguments(checks: &mut Checks) {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    checks.same("a bench", Asked::new(words("--bench --quick --json")), Ok(Asked { quick: true, json: true }));
    checks.same("a bench without", Asked::new(words("")), Ok(Asked { quick: false, json: false }));
    checks.has("a bench refuses", &Asked::new(words("--quik")).err().unwrap_or_default(), "`--quik`");
    let asked = |text: &str| crate::Asked::new(words(text));
    checks.same("all is well", asked("--from a --to b --commit c --dirty --failed d").is_ok(), true);
    checks.same("nothing but a check", asked("--bench --check --quick").map(|asked| asked.from), Ok(None));
    for refused in ["--from a", "--to b", "--from", "--from a --to b --verbose", "x"] {
        checks.same(&format!("`{refused}` is refused"), asked(refused).is_err(), true);
    }
}
