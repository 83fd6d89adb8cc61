//! House rules, checked on the text of the source; and the checker, checked with planted faults.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Room → rooms that it may import. `*` = everything. A new top-level module must be added here.
const LAYERS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("event", &["types"]),
    ("metric", &["types", "event"]),
    ("ring", &[]),
    ("journal", &["types", "event"]),
    ("market", &["types", "event", "metric"]),
    ("feature", &["types", "event", "metric"]),
    ("signal", &["types", "event", "metric"]),
    ("risk", &["types", "event", "metric"]),
    ("execution", &["types", "event", "metric"]),
    ("venue", &["types", "event", "metric"]),
    ("control", &["types", "event", "metric"]),
    ("acp", &["types", "event"]),
    ("bridge", &["types", "event", "metric", "journal", "acp", "control"]),
    ("agent", &["types", "event", "acp", "bridge", "control"]),
    // What people read is about everything that runs.
    ("report", &["*"]),
    (
        "config",
        &[
            "types",
            "market",
            "feature",
            "signal",
            "risk",
            "execution",
            "journal",
            "venue",
            "control",
            "bridge",
            "agent",
            "runtime",
        ],
    ),
    ("runtime", &["*"]),
    ("cli", &["*"]),
];

/// Words that a hot file may not have outside its tests, and why.
const HOT_BANS: &[(&str, &str)] = &[
    ("std::time", "stages read no clock: time is an input"),
    ("std::fs", "no I/O on the hot path"),
    ("std::net", "no I/O on the hot path"),
    ("tokio", "nothing asynchronous on the hot path"),
    ("Mutex", "no lock on the hot path"),
    ("RwLock", "no lock on the hot path"),
    ("println!", "no output on the hot path"),
    ("tracing::", "no logging on the hot path"),
    (".unwrap()", "no panic that input can reach"),
    (".expect(\"", "no panic that input can reach"),
    ("panic!(", "no panic that input can reach"),
    ("todo!", "no stubs"),
    ("unimplemented!", "no stubs"),
    ("RandomState", "nothing may depend on a random seed"),
    ("std::collections::HashMap", "nothing may depend on a random seed"),
];

/// Hot files that need a banned word, each with its reason. An entry that is not needed any more is a fault too.
const HOT_EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("ring/builder.rs", ".expect(\"", "taking the producer twice: a fault of assembly, at start"),
    ("ring/spsc.rs", ".expect(\"", "a capacity that does not fit: a fault of assembly, at start"),
    ("ring/slot.rs", "panic!(", "a section read that the wiring does not allow: a fault of assembly, never of input"),
];

/// Files that may set `Verdict::Approved`: only risk approves.
const APPROVES: &str = "risk";

/// The one file that makes a `LiveEnabled`, in the one function that does.
const ENABLES: (&str, &str) = ("control/enable/live.rs", "pub fn evaluate(");

/// The one file that may sign an enablement: the verb that a person types.
const SIGNS: &str = "cli/enable/approve.rs";

/// Words that belong to the enabling, the files (or folders, ending in `/`) that may use them, and why nobody else.
const ENABLING: &[(&str, &[&str], &str)] = &[
    ("SigningKey", &[SIGNS], "no program holds a key that can enable LIVE"),
    ("DecodePrivateKey", &[SIGNS], "no program holds a key that can enable LIVE"),
    (
        "ed25519_dalek",
        &[SIGNS, "control/enable/keyring.rs", "control/enable/approval.rs"],
        "signatures of people are made and verified in one place each",
    ),
    ("add_approval(", &[SIGNS, "control/enable/store.rs"], "an approval comes from a person, through the verb"),
    ("\"approve\"", &[SIGNS], "nothing runs the verb but a person"),
    ("approve::", &["cli/enable.rs"], "nothing runs the verb but a person"),
    ("cli::enable", &["cli/mod.rs"], "nothing runs the verb but a person"),
];

/// Lines beyond which a file must be split.
const LINES_MAX: usize = 600;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    path: String,
    what: String,
}

/// The part of a file in front of its unit tests.
fn production(text: &str) -> &str {
    let mut from = 0;
    while let Some(at) = text[from..].find("#[cfg(").map(|at| at + from) {
        let mut lines = text[at..].lines();
        let condition = lines.next().unwrap_or("");
        let next = lines.find(|l| !l.starts_with("#[")).unwrap_or("");
        if condition.contains("test") && next.contains("mod ") && next.contains('{') {
            return &text[..at];
        }
        from = at + 1;
    }
    text
}

fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs") || path.contains("_tests")
}

/// Files that are only there for tests: declared by a `#[cfg(test)]` `mod` line, or in a folder of tests.
fn test_files(files: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, text) in files {
        let folder = match path.rsplit_once('/') {
            Some((folder, "mod.rs")) => folder.to_owned(),
            _ => path.trim_end_matches(".rs").to_owned(),
        };
        for (at, _) in text.match_indices("#[cfg(test)]\n") {
            let line = text[at..].lines().nth(1).unwrap_or("").trim();
            let name = line.rsplit_once("mod ").and_then(|(_, rest)| rest.strip_suffix(';'));
            if let Some(name) = name {
                found.insert(format!("{folder}/{name}.rs"));
            }
        }
        if is_test_file(path) {
            found.insert(path.clone());
        }
    }
    found
}

fn room_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// Code without comments and without the contents of strings, so that prose may name what code may not use.
fn code_only(text: &str) -> String {
    text.lines().map(|line| line.find("//").map_or(line, |at| &line[..at])).collect::<Vec<_>>().join("\n")
}

fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        // `$crate::` in a macro and `pub(in crate::…)` are no imports.
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let end = list.find('}').unwrap_or(list.len());
            for item in list[..end].split(',') {
                found.insert(item.trim().split("::").next().unwrap_or("").to_owned());
            }
            continue;
        }
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if rest[name.len()..].starts_with('!') {
            continue;
        }
        found.insert(name);
    }
    found.remove("");
    found
}

fn check_file(path: &str, text: &str, is_test: bool, faults: &mut Vec<Fault>) {
    let mut fault = |what: String| faults.push(Fault { path: path.to_owned(), what });
    let room = room_of(path);
    if room == "lib" || room == "main" {
        return;
    }
    let first = text.lines().next().unwrap_or("");
    let hot = first.starts_with("//! Hot:");
    if !hot && !first.starts_with("//! Edge:") && !is_test {
        fault(format!("the first line must be a door sign, `//! Hot: …` or `//! Edge: …`, not `{first}`"));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX && !is_test {
        fault(format!("{lines} lines; split it (at most {LINES_MAX})"));
    }
    let code = code_only(production(text));
    match LAYERS.iter().find(|(name, _)| *name == room) {
        None => fault(format!("the room `{room}` is not in the table of layers")),
        Some((_, allowed)) => {
            for import in imports(&code) {
                let known = LAYERS.iter().any(|(name, _)| *name == import);
                if known && import != room && !allowed.contains(&"*") && !allowed.contains(&import.as_str()) {
                    fault(format!("`{room}` may not import `{import}`"));
                }
            }
        }
    }
    if hot && !is_test {
        for (word, why) in HOT_BANS {
            let excepted = HOT_EXCEPTIONS.iter().any(|(file, w, _)| *file == path && w == word);
            if code.contains(word) && !excepted {
                fault(format!("a hot file may not use `{word}`: {why}"));
            }
        }
    }
    if room != APPROVES && room != "event" && code.contains(".verdict = Verdict::Approved") {
        fault("only `risk` approves orders".to_owned());
    }
    for marker in ["todo!(", "unimplemented!(", "FIXME"] {
        if code.contains(marker) {
            fault(format!("`{marker}` is left"));
        }
    }
}

/// Names with which something in `code` is made as `name { … }`; declarations and types do not count.
fn constructions(code: &str, name: &str) -> usize {
    let made = format!("{name} {{");
    code.match_indices(&made)
        .filter(|(at, _)| {
            let before = code[..*at].trim_end();
            let part_of_a_name = code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            !part_of_a_name && !["struct", "impl", "for", "->", "enum", "trait"].iter().any(|w| before.ends_with(w))
        })
        .count()
}

/// No way to LIVE but two people: who makes a `LiveEnabled`, who signs, who approves.
fn check_enabling(files: &BTreeMap<String, String>, tests: &BTreeSet<String>, faults: &mut Vec<Fault>) {
    let mut fault = |path: &str, what: String| faults.push(Fault { path: path.to_owned(), what });
    for (path, text) in files.iter().filter(|(path, _)| !tests.contains(*path)) {
        let code = code_only(production(text));
        let made = constructions(&code, "LiveEnabled");
        if path == ENABLES.0 {
            let body = code.find(ENABLES.1).and_then(|at| code[at..].find("\n}").map(|end| &code[at..at + end]));
            if made != 1 || body.is_none_or(|body| constructions(body, "LiveEnabled") != 1) {
                fault(path, format!("`LiveEnabled` is made {made} times: once is right, in `{}…)`", ENABLES.1));
            }
            let item = code.find("struct LiveEnabled {").map_or("", |at| &code[at..]);
            let fields = &item[..item.find('}').unwrap_or(item.len())];
            if fields.is_empty() || fields.contains("pub") {
                fault(path, "the fields of `LiveEnabled` must be private, or anybody could make one".to_owned());
            }
            if !code.contains("#[derive(Debug)]\npub struct LiveEnabled {") || code.contains("Self") {
                fault(path, "`LiveEnabled` derives `Debug` only (no copy, no default, not read from anywhere), and is never `Self`".to_owned());
            }
            for word in ["for LiveEnabled", "-> LiveEnabled", "&mut self.request", "unsafe"] {
                if code.contains(word) {
                    fault(path, format!("`{word}`: only `evaluate` gives a `LiveEnabled`, by its result"));
                }
            }
        } else if made > 0 || code.contains("for LiveEnabled") {
            fault(path, "only `evaluate` makes a `LiveEnabled`".to_owned());
        }
        for (word, allowed, why) in ENABLING {
            let here = |place: &&&str| path == **place || (place.ends_with('/') && path.starts_with(**place));
            if code.contains(word) && !allowed.iter().any(|place| here(&place)) {
                fault(path, format!("`{word}` may not stand here: {why}"));
            }
        }
        if code.contains("enable::") && code.contains("evaluate") && !path.starts_with("control/enable/") {
            fault(path, "only the holder activates".to_owned());
        }
        if code.contains("KeyPair") && code.contains("enable::") {
            fault(path, format!("only {SIGNS} signs an enablement"));
        }
    }
    let guarded = ENABLING.iter().flat_map(|(_, places, _)| places.iter()).chain([&ENABLES.0]);
    for path in guarded.filter(|path| !path.ends_with('/') && !files.contains_key(**path)) {
        fault(path, "belongs to the enabling but is not there: a guard that guards nothing".to_owned());
    }
}

fn check_tree(files: &BTreeMap<String, String>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let tests = test_files(files);
    for (path, text) in files {
        check_file(path, text, tests.contains(path), &mut faults);
    }
    check_enabling(files, &tests, &mut faults);
    for (path, word, _) in HOT_EXCEPTIONS {
        match files.get(*path) {
            None => faults.push(Fault {
                path: (*path).to_owned(),
                what: "is excepted but is not there: a guard that guards nothing".to_owned(),
            }),
            Some(text) if !code_only(production(text)).contains(word) => {
                faults.push(Fault {
                    path: (*path).to_owned(),
                    what: format!("no longer needs its exception for `{word}`"),
                });
            }
            Some(_) => {}
        }
    }
    for (room, _) in LAYERS {
        if !files.keys().any(|path| room_of(path) == *room) {
            faults.push(Fault {
                path: (*room).to_owned(),
                what: "is in the table of layers but is not there".to_owned(),
            });
        }
    }
    faults
}

fn read_tree() -> BTreeMap<String, String> {
    fn walk(dir: &Path, root: &Path, files: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, files);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    walk(&root, &root, &mut files);
    assert!(files.len() > 50, "the tree was not found");
    files
}

#[test]
fn the_house_is_tidy() {
    let faults = check_tree(&read_tree());
    let text: Vec<String> = faults.iter().map(|f| format!("src/{}: {}", f.path, f.what)).collect();
    assert!(faults.is_empty(), "\n{}", text.join("\n"));
}

#[test]
fn the_top_level_has_nothing_else() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "deny.toml",
        "rustfmt.toml",
        "src",
        "benches",
        "perf",
        "migrations",
        "tests",
        "fuzz",
        "target",
        "tickpath-data",
    ];
    for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name.starts_with('.') || allowed.contains(&name.as_str()),
            "`{name}` at the top level has no place in the house"
        );
    }
}

#[test]
fn planted_faults_are_found() {
    let check = |path: &str, text: &str, expected: Option<&str>| {
        let mut faults = Vec::new();
        check_file(path, text, is_test_file(path), &mut faults);
        match expected {
            None => assert_eq!(faults, [], "{path}: {text}"),
            Some(part) => assert!(faults.iter().any(|f| f.what.contains(part)), "{path}: {text}: {faults:?}"),
        }
    };
    check("market/l2.rs", "//! Hot: x\nuse crate::event::input::Input;\n", None);
    check("market/l2.rs", "use crate::event::input::Input;\n", Some("door sign"));
    check("market/l2.rs", "//! Hot: x\nuse crate::risk::Config;\n", Some("`market` may not import `risk`"));
    check(
        "market/l2.rs",
        "//! Hot: x\nuse crate::{event::input::Input, ring::lane::Lane};\n",
        Some("may not import `ring`"),
    );
    check("market/l2.rs", "//! Hot: x\nfn f() { crate::venue::feed::go() }\n", Some("may not import `venue`"));
    check("ring/x.rs", "//! Hot: x\nuse crate::event::slot::Slot;\n", Some("`ring` may not import `event`"));
    check("journal/x.rs", "//! Edge: x\nuse crate::config::Config;\n", Some("may not import `config`"));
    check("brandnew/mod.rs", "//! Edge: x\n", Some("not in the table of layers"));
    check("signal/x.rs", "//! Hot: x\nuse std::time::Instant;\n", Some("`std::time`"));
    check("signal/x.rs", "//! Hot: x\nfn f(x: Option<u8>) { x.unwrap(); }\n", Some("`.unwrap()`"));
    check("signal/x.rs", "//! Hot: x\n// std::time in a comment is fine\n", None);
    check("signal/x.rs", "//! Hot: x\n#[cfg(test)]\nmod tests { fn f() { x.unwrap() } }\n", None);
    check("signal/x.rs", "//! Edge: x\nuse std::time::Instant;\n", None);
    check(
        "venue/x.rs",
        "//! Edge: x\nfn f() { risk.verdict = Verdict::Approved.code(); }\n",
        Some("only `risk` approves"),
    );
    check("risk/x.rs", "//! Hot: x\nfn f() { out.verdict = Verdict::Approved.code(); }\n", None);
    check("cli/x.rs", "//! Edge: x\nfn f() { todo!() }\n", Some("is left"));
    check("cli/x.rs", &format!("//! Edge: x\n{}", "\n".repeat(700)), Some("split it"));

    let mut files = read_tree();
    files.remove("ring/slot.rs");
    assert!(
        check_tree(&files).iter().any(|f| f.what.contains("guards nothing")),
        "a guarded path that is missing must be told"
    );
}

#[test]
fn planted_ways_to_live_are_found() {
    let plant = |path: &str, from: &str, to: &str, expected: &str| {
        let mut files = read_tree();
        let text = files.get(path).cloned().unwrap_or_else(|| "//! Edge: x\n".to_owned());
        assert!(text.contains(from), "{path}: `{from}` is not there");
        files.insert(path.to_owned(), text.replacen(from, to, 1));
        let faults = check_tree(&files);
        assert!(
            faults.iter().any(|f| f.path == path && f.what.contains(expected)),
            "{path}: {to}: `{expected}` is not among {faults:?}"
        );
    };
    let live = ENABLES.0;
    let all = |code: &str| format!("//! Edge: x\n{code}\n");
    let edge = "//! Edge: x\n";
    // Another maker of the proof.
    plant("control/x.rs", edge, &all("fn f() { let x = LiveEnabled { until: 0 }; }"), "only `evaluate` makes");
    plant("control/x.rs", edge, &all("impl Default for LiveEnabled {}"), "only `evaluate` makes");
    plant(live, "#[derive(Debug)]\npub struct", "#[derive(Debug, Clone)]\npub struct", "derives `Debug` only");
    plant(live, "    until: UnixNanos,", "    pub until: UnixNanos,", "must be private");
    plant(live, "impl LiveEnabled {", "impl LiveEnabled {\nfn f() -> Self { Self { ..x } }", "never `Self`");
    plant(live, "impl LiveEnabled {", "fn f() { g(LiveEnabled { ..x }) }\nimpl LiveEnabled {", "made 2 times");
    plant(live, "impl LiveEnabled {", "fn f() -> LiveEnabled { todo() }\nimpl LiveEnabled {", "by its result");
    plant(live, "pub fn evaluate(", "pub fn other(", "once is right");
    // A program with a key, or one that approves or activates by itself.
    plant("runtime/x.rs", edge, &all("use ed25519_dalek::SigningKey;"), "no program holds a key");
    plant("runtime/x.rs", edge, &all("fn f() { store.add_approval(&a); }"), "comes from a person");
    plant("runtime/x.rs", edge, &all("fn f() { Command::new(exe).args([\"enable\", \"approve\"]); }"), "but a person");
    plant("runtime/x.rs", edge, &all("fn f() { crate::cli::enable::main(cli, args); }"), "but a person");
    plant("runtime/x.rs", edge, &all("use crate::control::enable::{Hash, evaluate};"), "only the holder activates");
    plant(
        "runtime/x.rs",
        edge,
        &all("use crate::control::enable::Approval; fn f() { Ed25519KeyPair::generate(); }"),
        "signs an enablement",
    );
    plant(
        "cli/run.rs",
        "use super::Cli;",
        "use super::Cli;\nfn f() { super::enable::approve::main(); }",
        "but a person",
    );
    let mut files = read_tree();
    files.remove(SIGNS);
    assert!(check_tree(&files).iter().any(|f| f.path == SIGNS && f.what.contains("guards nothing")));
}
