//! The report's own checks, over made-up findings: a bench without a harness has no unit tests.

mod output;

use crate::compare::{Moved, compared};
use crate::goals::{GOALS, Standing, astray, judged, number};
use crate::markdown;
use crate::results::Results;
use crate::shared::findings::{Asked, Contestant, Finding, Findings, Sense};
use crate::shared::turns::Ratio;
use std::fmt::Debug;

/// What was checked, and what is wrong.
#[derive(Default)]
struct Checks {
    done: usize,
    wrong: Vec<String>,
}

impl Checks {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, found: T, expected: T) {
        self.done += 1;
        if found != expected {
            self.wrong.push(format!("{what}: {found:?}, not {expected:?}"));
        }
    }

    fn has(&mut self, what: &str, text: &str, part: &str) {
        self.done += 1;
        if !text.contains(part) {
            self.wrong.push(format!("{what}: `{part}` is missing"));
        }
    }
}

/// Runs all of them.
///
/// # Errors
/// What is wrong.
pub fn all() -> Result<String, Vec<String>> {
    let mut checks = Checks::default();
    table(&mut checks);
    verdicts(&mut checks);
    worst(&mut checks);
    comparison(&mut checks);
    output::recorded(&mut checks);
    output::read(&mut checks);
    output::text(&mut checks);
    output::drawn(&mut checks);
    output::arguments(&mut checks);
    if checks.wrong.is_empty() {
        return Ok(format!("perf/report: {} checks of itself passed", checks.done));
    }
    Err(checks.wrong)
}

fn ratio([low, median, high]: [f64; 3]) -> Ratio {
    Ratio { median, low, high }
}

fn finding(row: impl Into<Option<u8>>, part: &str, what: &str, sense: Sense, figures: [f64; 3]) -> Finding {
    let (part, what) = (part.to_owned(), what.to_owned());
    Finding { row: row.into(), part, what, sense, ratio: ratio(figures), kept: 18, blocks: 20 }
}

fn bench(name: &str, findings: Vec<Finding>) -> Findings {
    let mut bench = Findings::new(name, Asked { quick: false, json: true });
    bench.findings = findings;
    bench
}

/// Goals with one part and with two, met, missed and crossed; one finding without blocks, one of no goal.
fn made_up() -> Vec<Findings> {
    let mut ring = bench(
        "ring",
        vec![
            finding(1, "÷ floor", "ring", Sense::Less, [1.0, 1.05, 1.2]),
            finding(1, "÷ floor", "a | b", Sense::Less, [1.1, 1.2, 1.3]),
            finding(3, "÷ rtrb", "ring", Sense::More, [0.9, 1.1, 1.3]),
            finding(None, "÷ something", "beside all goals", Sense::More, [3.0, 4.0, 5.0]),
        ],
    );
    let one = |name: &str, nanos: f64, ratio: f64| Contestant {
        name: name.to_owned(),
        nanos: Ratio { median: nanos, low: nanos, high: nanos },
        ratio: Some(Ratio { median: ratio, low: ratio, high: ratio }),
    };
    let hop = vec![one("floor: x", 60.0, 0.9), one("ring", 66.0, 1.0), one("<rtrb>", 80.0, 1.2)];
    ring.nanos.insert("hop".to_owned(), hop);
    ring.skipped.push("no capture".to_owned());
    let mut none = finding(16, "÷ memcpy", "quote", Sense::Less, [f64::NAN; 3]);
    none.kept = 0;
    let steps = finding(19, "locks", "generated", Sense::Less, [0.0, 0.0, 0.0]);
    vec![ring, bench("journal", vec![none]), bench("host", vec![steps])]
}

fn results(benches: Vec<Findings>) -> Results {
    Results::new(benches, Vec::new(), Some("0123456789abcdef".to_owned()), true)
}

fn table(checks: &mut Checks) {
    let mut rows: Vec<u8> = GOALS.iter().map(|goal| goal.row).collect();
    checks.same("the rows are in order", rows.is_sorted(), true);
    rows.dedup();
    checks.same("every row has its goal", rows, (1..=22).collect());
    for (at, goal) in GOALS.iter().enumerate() {
        let stricter = match goal.sense {
            Sense::Less => goal.moonshot <= goal.reach,
            Sense::More => goal.moonshot >= goal.reach,
        };
        checks.same(&format!("{}: the moonshot is the stricter", goal.text), stricter, true);
        let twin = GOALS[..at].iter().any(|other| {
            other.row == goal.row && (other.part == goal.part || other.part.is_empty() || goal.part.is_empty())
        });
        checks.same(&format!("{}: a finding is about one goal only", goal.text), twin, false);
    }
    for (figure, expected) in [(0.0, "0"), (0.0333, "0.033"), (1.25, "1.25"), (39.04, "39.0"), (511.7, "512")] {
        checks.same("a figure in digits", number(figure), expected.to_owned());
    }
    let bound = |row: u8| GOALS.iter().find(|goal| goal.row == row).map(|goal| goal.bound(goal.reach));
    for (row, expected) in [(1, "≤ 1.25"), (4, "≥ 1"), (13, "≤ 0.1"), (19, "≤ 0"), (20, "≥ 100"), (22, "≤ 512 MB")]
    {
        checks.same("what is to be reached", bound(row), Some(expected.to_owned()));
    }
}

fn verdicts(checks: &mut Checks) {
    let rows = [
        // Less is better: 1.25, then 1.10.
        (1, Sense::Less, [1.00, 1.05, 1.08], "moonshot met"),
        (1, Sense::Less, [1.00, 1.10, 1.10], "moonshot met"),
        (1, Sense::Less, [1.00, 1.05, 1.12], "moonshot met (interval crosses)"),
        (1, Sense::Less, [1.12, 1.20, 1.24], "met"),
        (1, Sense::Less, [1.05, 1.25, 1.25], "met"),
        (1, Sense::Less, [1.12, 1.20, 1.40], "met (interval crosses)"),
        (1, Sense::Less, [1.20, 1.30, 1.40], "not met (interval crosses)"),
        (1, Sense::Less, [1.26, 1.30, 1.40], "not met"),
        (1, Sense::Less, [f64::NAN; 3], "not measured"),
        // More is better: 2, then 4.
        (7, Sense::More, [4.10, 5.00, 6.00], "moonshot met"),
        (7, Sense::More, [3.90, 5.00, 6.00], "moonshot met (interval crosses)"),
        (7, Sense::More, [2.10, 3.00, 4.50], "met"),
        (7, Sense::More, [1.90, 3.00, 4.50], "met (interval crosses)"),
        (7, Sense::More, [1.50, 1.90, 2.10], "not met (interval crosses)"),
        (7, Sense::More, [1.50, 1.90, 1.95], "not met"),
        (19, Sense::Less, [0.0, 0.0, 0.0], "moonshot met"),
        (19, Sense::Less, [0.0, 0.5, 1.0], "not met (interval crosses)"),
    ];
    for (row, sense, figures, expected) in rows {
        let part = if row == 19 { "locks" } else { "x" };
        let seen = finding(row, part, "made up", sense, figures);
        let goal = GOALS.iter().find(|goal| goal.about(&seen));
        let verdict = goal.map(|goal| goal.judge(&seen).to_string());
        checks.same(&format!("row {row}, {figures:?}"), verdict, Some(expected.to_owned()));
    }
    let scaled =
        |row: u8, figures| GOALS.iter().find(|goal| goal.row == row).and_then(|goal| goal.scaled(ratio(figures)));
    checks.same("half of what is allowed", scaled(8, [0.5, 1.0, 2.0]), Some(ratio([0.25, 0.5, 1.0])));
    checks.same("twice of what is asked", scaled(7, [2.0, 4.0, 8.0]), Some(ratio([0.25, 0.5, 1.0])));
    checks.same("a part of nothing", scaled(19, [0.0, 0.0, 0.0]), None);
}

fn worst(checks: &mut Checks) {
    let benches = made_up();
    let judged = judged(&benches);
    let of = |row: u8, part: &str| judged.iter().find(|one| one.goal.row == row && one.goal.part == part);
    let told = |row, part| {
        let one = of(row, part)?;
        let worst = one.seen.first().map_or("", |seen| seen.finding.what.as_str());
        Some((one.verdict().to_string(), worst.to_owned(), one.seen.len()))
    };
    let expected = |verdict: &str, what: &str, seen| Some((verdict.to_owned(), what.to_owned(), seen));
    checks.same("the worst of two", told(1, ""), expected("met (interval crosses)", "a | b", 2));
    checks.same("one part", told(3, "÷ rtrb"), expected("not met (interval crosses)", "ring", 1));
    checks.same("the other part", told(3, "÷ crossbeam ArrayQueue"), expected("not measured", "", 0));
    checks.same("all blocks dropped", told(16, ""), expected("not measured", "quote", 1));
    checks.same("nothing was counted", told(19, "locks"), expected("moonshot met", "generated", 1));
    let measured = judged.iter().filter(|one| one.verdict().standing != Standing::Unmeasured).count();
    checks.same("what nobody measured is not met", measured, 3);

    let faults = astray(&benches);
    checks.same("each is about a goal", faults, Vec::new());
    let lost = vec![
        finding(3, "÷ nobody", "ring", Sense::More, [1.0; 3]),
        finding(13, "", "upside down", Sense::More, [10.0; 3]),
        finding(77, "", "no such row", Sense::More, [10.0; 3]),
    ];
    let faults = results(vec![bench("x", lost)]).faults.join("\n");
    checks.has("a part that no goal has", &faults, "x: ring (÷ nobody), row 3: there is no such goal");
    checks.has("a row that no goal has", &faults, "no such row (), row 77: there is no such goal");
    checks.has("a ratio upside down", &faults, "upside down (), row 13: the goal has it the other way round");
}

fn comparison(checks: &mut Checks) {
    let of = |name: &str, sense, figures| finding(None, "x", name, sense, figures);
    let less = |name: &str, figures| of(name, Sense::Less, figures);
    let more = |name: &str, figures| of(name, Sense::More, figures);
    let mut few = less("few blocks", [1.0, 1.0, 1.0]);
    few.kept = 2;
    let before = vec![
        less("noise", [0.9, 1.0, 1.1]),
        less("down", [0.9, 1.0, 1.1]),
        less("up", [0.9, 1.0, 1.1]),
        more("speed up", [0.9, 1.0, 1.1]),
        more("speed down", [0.9, 1.0, 1.1]),
        less("gone", [1.0; 3]),
        few,
    ];
    let now = vec![
        less("noise", [1.05, 1.2, 1.3]),
        less("down", [0.4, 0.5, 0.6]),
        less("up", [1.9, 2.0, 2.1]),
        more("speed up", [1.9, 2.0, 2.1]),
        more("speed down", [0.4, 0.5, 0.6]),
        less("few blocks", [9.0, 9.0, 9.0]),
        finding(1, "", "new", Sense::Less, [1.0; 3]),
    ];
    let (mut before, now) = (results(vec![bench("a", before)]), results(vec![bench("a", now)]));
    "another one".clone_into(&mut before.machine.cpu);
    before.quick = true;
    let compared = compared(&before, &now);
    let moved: Vec<_> = compared.pairs.iter().map(|pair| (pair.now.what.as_str(), pair.moved())).collect();
    let expected = vec![
        ("noise", Moved::Noise),
        ("down", Moved::Better),
        ("up", Moved::Worse),
        ("speed up", Moved::Better),
        ("speed down", Moved::Worse),
        ("few blocks", Moved::Unknown),
    ];
    checks.same("what moved", moved, expected);
    checks.same("by how much", compared.pairs.get(2).map(crate::compare::Pair::change), Some(2.0));
    checks.same("what is gone", compared.gone.join(";"), "a: gone, x".to_owned());
    checks.same("what is new", compared.new.join(";"), "row 1, a: new, ".to_owned());
    checks.same("two machines, and a quick run", compared.unlike.len(), 2);
    let text = markdown::report(&now, Some(Ok(&compared)), &[]);
    checks.has("the change", &text, "| a: up, x | 1.00 [0.900 to 1.10] | 2.00 [1.90 to 2.10] | 2.00 | worse: differs");
    checks.same("one heading", text.matches("\n## Beside what was recorded\n").count(), 1);
    checks.has("the other machine", &text, "- not the same processor: another one, now ");
}
