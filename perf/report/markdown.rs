//! The report that people read: one Markdown file.

use crate::compare::Comparison;
use crate::goals::{Judged, Standing, judged, number};
use crate::results::{Machine, Results};
use crate::shared::findings::{Finding, Findings};
use crate::shared::turns::Ratio;
use std::fmt::Write as _;

/// What the figures are.
const METHOD: &str = "\
Every figure is a ratio taken within one run: the median of the blocks [a tenth had less, a tenth more].
A block whose floor was more than a fifth off is dropped for all. *Interval crosses*: what is to be met lies
within the interval, so another run may say otherwise. Of several findings the worst counts.
";

/// Text within a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// `0.94 [0.91 to 0.99]`.
pub fn interval(ratio: Ratio) -> String {
    format!("{} [{} to {}]", number(ratio.median), number(ratio.low), number(ratio.high))
}

fn figures(finding: &Finding) -> String {
    if finding.measured() { interval(finding.ratio) } else { "–".to_owned() }
}

fn blocks(finding: &Finding) -> String {
    format!("{} | {}", finding.kept, finding.blocks - finding.kept.min(finding.blocks))
}

/// The short name of a commit.
pub fn commit(results: &Results) -> String {
    let Some(commit) = &results.commit else { return "of an unknown commit".to_owned() };
    let short = commit.get(..12).unwrap_or(commit);
    format!("at commit {short}{}", if results.dirty { " with changes that are not committed" } else { "" })
}

/// The whole report; `plots` are the names of the files that lie beside it.
pub fn report(results: &Results, before: Option<Result<&Comparison<'_>, &str>>, plots: &[String]) -> String {
    let Machine { cpu, cores, kernel, rustc, profile } = &results.machine;
    let mut text = format!("# Results\n\n{}, {}.\n", results.date, commit(results));
    if results.quick {
        text.push_str("**A quick run: it shows that everything works; its figures prove nothing.**\n");
    }
    write!(text, "{cpu}, {cores} cores, {kernel}, {rustc}; profile {profile}.\n\n{METHOD}\n")
        .expect("a string takes it");
    if !results.faults.is_empty() {
        write!(text, "## What went wrong\n\n- {}\n\n", results.faults.join("\n- ")).expect("a string takes it");
    }
    let judged = judged(&results.benches);
    text.push_str(&goals(&judged));
    for plot in plots.iter().filter(|plot| *plot == "goals.svg") {
        write!(text, "\n![every goal]({plot})\n").expect("a string takes it");
    }
    text.push_str(&findings(&judged, &results.benches));
    text.push_str("\n## Beside what was recorded\n\n");
    match before {
        Some(Ok(comparison)) => text.push_str(&compared(comparison)),
        Some(Err(why)) => writeln!(text, "Not compared: {why}.").expect("a string takes it"),
        None => text.push_str("Nothing was recorded to compare with.\n"),
    }
    text.push_str(&rest(&results.benches, plots));
    text
}

/// The goals, each by its worst finding.
pub fn goals(judged: &[Judged<'_>]) -> String {
    let count = |standing| judged.iter().filter(|goal| goal.verdict().standing == standing).count();
    let mut text = format!(
        "## Goals\n\nOf {} goals and parts of goals {} are met and {} more the moonshot too, {} are not met, {} are not measured.\n\n",
        judged.len(),
        count(Standing::Met),
        count(Standing::Moonshot),
        count(Standing::Missed),
        count(Standing::Unmeasured)
    );
    text.push_str("| row | what | ratio | reach | moonshot | | worst finding | kept | dropped |\n");
    text.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for judged in judged {
        let (goal, verdict) = (judged.goal, judged.verdict());
        let (figures, worst, kept) = judged.seen.first().map_or_else(
            || ("–".to_owned(), String::new(), " | ".to_owned()),
            |seen| (figures(seen.finding), format!("{}: {}", seen.bench, seen.finding.what), blocks(seen.finding)),
        );
        writeln!(
            text,
            "| {} | {} | {figures} | {} | {} | {verdict} | {} | {kept} |",
            goal.row,
            cell(goal.text),
            goal.bound(goal.reach),
            goal.bound(goal.moonshot),
            cell(&worst)
        )
        .expect("a string takes it");
    }
    text
}

/// Every finding, also those that decide nothing.
fn findings(judged: &[Judged<'_>], benches: &[Findings]) -> String {
    let mut text = String::from("\n## All findings\n\n| row | bench | what | part | ratio | | kept | dropped |\n");
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    let mut put = |row: &str, bench: &str, finding: &Finding, verdict: &str| {
        writeln!(
            text,
            "| {row} | {bench} | {} | {} | {} | {verdict} | {} |",
            cell(&finding.what),
            cell(&finding.part),
            figures(finding),
            blocks(finding)
        )
        .expect("a string takes it");
    };
    for Judged { goal, seen } in judged {
        for seen in seen {
            put(&goal.row.to_string(), seen.bench, seen.finding, &seen.verdict.to_string());
        }
    }
    for bench in benches {
        let about = |finding: &Finding| judged.iter().any(|goal| goal.goal.about(finding));
        for finding in bench.findings.iter().filter(|finding| !about(finding)) {
            put("", &bench.bench, finding, "");
        }
    }
    text
}

fn compared(comparison: &Comparison<'_>) -> String {
    let mut text = String::from(
        "Two runs of one build differ too; what lies beyond both intervals deserves a look, and builds in turns.\n\n",
    );
    for unlike in &comparison.unlike {
        writeln!(text, "- not the same {unlike}").expect("a string takes it");
    }
    if !comparison.unlike.is_empty() {
        text.push('\n');
    }
    text.push_str("| row | what | before | now | now ÷ before | |\n|---|---|---|---|---|---|\n");
    for pair in &comparison.pairs {
        writeln!(
            text,
            "| {} | {}: {}, {} | {} | {} | {} | {} |",
            pair.now.row.map_or_else(String::new, |row| row.to_string()),
            pair.bench,
            cell(&pair.now.what),
            cell(&pair.now.part),
            figures(pair.before),
            figures(pair.now),
            number(pair.change()),
            pair.moved()
        )
        .expect("a string takes it");
    }
    for (title, names) in [("Recorded, and not measured now", &comparison.gone), ("Not recorded yet", &comparison.new)]
    {
        if !names.is_empty() {
            write!(text, "\n{title}:\n\n").expect("a string takes it");
            for name in names {
                writeln!(text, "- {name}").expect("a string takes it");
            }
        }
    }
    text
}

/// What was skipped, and the contestants.
fn rest(benches: &[Findings], plots: &[String]) -> String {
    let mut text = String::new();
    let skipped: Vec<_> =
        benches.iter().flat_map(|bench| bench.skipped.iter().map(move |why| (&bench.bench, why))).collect();
    if !skipped.is_empty() {
        text.push_str("\n## Skipped\n\n");
        for (bench, why) in skipped {
            writeln!(text, "- {bench}: {why}").expect("a string takes it");
        }
    }
    let plots: Vec<_> = plots.iter().filter(|plot| *plot != "goals.svg").collect();
    if !plots.is_empty() {
        text.push_str("\n## Contestants\n\nThe time of each ÷ ours; more is slower than ours.\n");
        for plot in plots {
            write!(text, "\n![{plot}]({plot})\n").expect("a string takes it");
        }
    }
    text
}
