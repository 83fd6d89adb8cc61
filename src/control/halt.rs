//! Edge: the halt that the environment and a file demand. Halted is the default, and whatever is not plainly a `0` halts.
//!
//! `EXECUTION_HALTED=1` halts. `EXECUTION_HALTED_FILE` names a file whose `0` allows and whatever else halts; it is looked
//! at again and again (see `halt_watch`). Only the file can allow: a variable cannot change in a running process, so what
//! it allows could not be taken back. With nothing set the halt is the *default* one, which bars LIVE alone; what was said
//! (`1`, or a configured file that is missing or makes no sense) is *explicit* and stops PAPER and SHADOW too, so that
//! drills are real.

use super::mode::Mode;
use super::small_file::{self, SmallFileError};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The variable that halts.
pub const VARIABLE: &str = "EXECUTION_HALTED";
/// The variable that names the file.
pub const FILE_VARIABLE: &str = "EXECUTION_HALTED_FILE";
/// The old name of [`VARIABLE`].
pub const DEPRECATED_VARIABLE: &str = "EXEC_KILL_SWITCH";

/// Bytes of a file that can say anything but "halted": a digit among a few blanks.
const FILE_BYTES_MAX: usize = 16;

/// Whether execution is halted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HaltKind {
    /// A valid `0`, and nothing that halts.
    Allowed,
    /// Nothing was said: bars LIVE only.
    Default,
    /// It was said, or what was said makes no sense: bars whatever sends an order.
    Explicit,
}

/// The halt, and what it follows from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Halt {
    /// Whether, and how.
    pub kind: HaltKind,
    /// Where it comes from, in words: `file /etc/…: missing`.
    pub source: String,
    /// What should be set otherwise; empty if nothing.
    pub warnings: Vec<String>,
}

impl Halt {
    /// An explicit halt.
    pub fn explicit(source: impl Into<String>) -> Self {
        Self { kind: HaltKind::Explicit, source: source.into(), warnings: Vec::new() }
    }

    /// Whether somebody plainly said it (or said nothing at all): not what is missing or makes no sense, which halts because
    /// it cannot be told what was meant.
    pub fn is_certain(&self) -> bool {
        self.kind != HaltKind::Explicit || self.source.ends_with("=1") || self.source.ends_with(": 1")
    }

    /// Whether it keeps orders of this mode back. OFF and OBSERVE have none.
    pub fn bars(&self, mode: Mode) -> bool {
        match self.kind {
            HaltKind::Allowed => false,
            HaltKind::Default => mode == Mode::Live,
            HaltKind::Explicit => true,
        }
    }
}

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Zero,
    One,
    Nonsense,
}

/// Blanks and line ends around a digit are what editors and templates leave there; nothing else is let through: no sign,
/// no second digit, no byte-order mark.
fn word(bytes: &[u8]) -> Word {
    match bytes.trim_ascii() {
        b"0" => Word::Zero,
        b"1" => Word::One,
        _ => Word::Nonsense,
    }
}

/// A text for people, cut and with everything strange shown as an escape.
fn shown(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "empty".to_owned();
    }
    let cut = &bytes[..bytes.len().min(24)];
    format!("`{}{}` is neither 0 nor 1", cut.escape_ascii(), if cut.len() < bytes.len() { "…" } else { "" })
}

/// Where the halt is read from: fixed at start, since the environment is.
#[derive(Clone, Debug, Default)]
pub struct HaltSources {
    variable: Option<OsString>,
    deprecated: Option<OsString>,
    file: Option<OsString>,
}

impl HaltSources {
    /// The sources that `environment` names, such as `|name| std::env::var_os(name)`.
    pub fn from_env(environment: impl Fn(&str) -> Option<OsString>) -> Self {
        Self {
            variable: environment(VARIABLE),
            deprecated: environment(DEPRECATED_VARIABLE),
            file: environment(FILE_VARIABLE),
        }
    }

    /// The file that is looked at, if one is configured.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref().map(Path::new)
    }

    /// What holds now. The file's path is resolved anew.
    pub fn read(&self) -> Halt {
        self.judge_by(|path| small_file::read(path, FILE_BYTES_MAX).map(|file| file.content.to_vec()))
    }

    /// What holds, when `read` gives the file's content. The first source that halts is named.
    pub(super) fn judge_by(&self, read: impl FnOnce(&Path) -> Result<Vec<u8>, SmallFileError>) -> Halt {
        let mut warnings = Vec::new();
        if self.deprecated.is_some() {
            warnings.push(format!("{DEPRECATED_VARIABLE} is deprecated: use {VARIABLE} or {FILE_VARIABLE}"));
        }
        let halting = [(VARIABLE, &self.variable), (DEPRECATED_VARIABLE, &self.deprecated)]
            .into_iter()
            .find_map(|(name, value)| value.as_deref().and_then(|value| variable_halts(name, value)));
        let (kind, source) = match (halting, self.file()) {
            (Some(source), _) => (HaltKind::Explicit, source),
            (None, Some(path)) => file_says(path, read),
            (None, None) => (
                HaltKind::Default,
                match &self.variable {
                    None => format!("default: neither {VARIABLE} nor {FILE_VARIABLE} is set"),
                    Some(_) => {
                        format!("default: {VARIABLE}=0 allows nothing by itself; a file with 0 does ({FILE_VARIABLE})")
                    }
                },
            ),
        };
        Halt { kind, source, warnings }
    }
}

/// Why the variable halts; `None` if it does not.
fn variable_halts(name: &str, value: &OsStr) -> Option<String> {
    let bytes = value.as_encoded_bytes();
    match word(bytes) {
        Word::Zero => None,
        Word::One => Some(format!("environment {name}=1")),
        Word::Nonsense => Some(format!("environment {name}: {}", shown(bytes))),
    }
}

fn file_says(path: &Path, read: impl FnOnce(&Path) -> Result<Vec<u8>, SmallFileError>) -> (HaltKind, String) {
    if path.as_os_str().is_empty() {
        return (HaltKind::Explicit, format!("environment {FILE_VARIABLE}: empty; it must name a file"));
    }
    let (kind, what) = match read(path) {
        Ok(content) => match word(&content) {
            Word::Zero => (HaltKind::Allowed, "0".to_owned()),
            Word::One => (HaltKind::Explicit, "1".to_owned()),
            Word::Nonsense => (HaltKind::Explicit, shown(&content)),
        },
        Err(error) => (HaltKind::Explicit, error.to_string()),
    };
    (kind, format!("file {}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use HaltKind::{Allowed, Default as ByDefault, Explicit};
    use std::os::unix::ffi::OsStringExt;

    fn sources(variable: Option<&str>, deprecated: Option<&str>, file: Option<&Path>) -> HaltSources {
        HaltSources::from_env(|name| match name {
            VARIABLE => variable.map(OsString::from),
            DEPRECATED_VARIABLE => deprecated.map(OsString::from),
            FILE_VARIABLE => file.map(OsString::from),
            _ => None,
        })
    }

    #[test]
    fn variables_alone() {
        let check = |variable: Option<&str>, deprecated: Option<&str>, kind: HaltKind, source: &str| {
            let halt = sources(variable, deprecated, None).read();
            assert_eq!(halt.kind, kind, "{variable:?} {deprecated:?}: {halt:?}");
            assert!(halt.source.contains(source), "{variable:?} {deprecated:?}: {halt:?}");
            assert_eq!(halt.warnings.len(), usize::from(deprecated.is_some()), "{halt:?}");
            assert_eq!(halt.is_certain(), kind != Explicit || source.ends_with("=1"), "{halt:?}");
        };
        check(None, None, ByDefault, "default: neither EXECUTION_HALTED nor EXECUTION_HALTED_FILE is set");
        check(Some("0"), None, ByDefault, "allows nothing by itself");
        check(Some("1"), None, Explicit, "environment EXECUTION_HALTED=1");
        check(Some("1\n"), None, Explicit, "environment EXECUTION_HALTED=1");
        check(Some(""), None, Explicit, "environment EXECUTION_HALTED: empty");
        check(Some("maybe"), None, Explicit, "`maybe` is neither 0 nor 1");
        check(Some("true"), None, Explicit, "`true`");
        check(Some("00"), None, Explicit, "`00`");
        check(None, Some("1"), Explicit, "environment EXEC_KILL_SWITCH=1");
        check(None, Some("0"), ByDefault, "neither");
        check(None, Some("yes"), Explicit, "EXEC_KILL_SWITCH: `yes`");
        check(Some("0"), Some("1"), Explicit, "EXEC_KILL_SWITCH=1");
        let odd = HaltSources { variable: Some(OsString::from_vec(vec![0xff, b'0'])), ..HaltSources::default() };
        assert_eq!(odd.read(), Halt::explicit("environment EXECUTION_HALTED: `\\xff0` is neither 0 nor 1"));
    }

    /// Every content that a file can have, with what it must mean.
    #[test]
    fn contents_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("halted");
        let check = |content: &[u8], kind: HaltKind, source: &str| {
            std::fs::write(&path, content).unwrap();
            let halt = sources(None, None, Some(&path)).read();
            assert_eq!(halt.kind, kind, "{:?}: {halt:?}", content.escape_ascii().to_string());
            assert_eq!(halt.source, format!("file {}: {source}", path.display()));
            assert_eq!(sources(Some("0"), None, Some(&path)).read().kind, kind, "the variable's 0 takes nothing away");
            assert_eq!(sources(Some("1"), None, Some(&path)).read().kind, Explicit, "the variable's 1 goes before");
            assert_eq!(sources(None, Some("1"), Some(&path)).read().kind, Explicit, "and so does its old name's");
        };
        check(b"0", Allowed, "0");
        check(b"0\n", Allowed, "0");
        check(b"0\r\n", Allowed, "0");
        check(b" 0 ", Allowed, "0");
        check(b"1", Explicit, "1");
        check(b" 1\n", Explicit, "1");
        check(b"", Explicit, "empty");
        for (content, shown) in [
            (&b"maybe"[..], "maybe"),
            (b"00", "00"),
            (b"0x0", "0x0"),
            (b"-0", "-0"),
            (b"0.0", "0.0"),
            (b"0 0", "0 0"),
            (b"0\n1\n", "0\\n1\\n"),
            (b"0\0", "0\\x00"),
            (b"\0", "\\x00"),
            (b"\n", "\\n"),
            (b"O", "O"),
            (b"false", "false"),
            (b"\xef\xbb\xbf0", "\\xef\\xbb\\xbf0"),
            (b"0\x000\0", "0\\x000\\x00"),
            ("０".as_bytes(), "\\xef\\xbc\\x90"),
            (b"0\xc2\xa0", "0\\xc2\\xa0"),
            (b"\x0b0", "\\x0b0"),
            (b"\xff\xfe\x00\x01\x80", "\\xff\\xfe\\x00\\x01\\x80"),
        ] {
            check(content, Explicit, &format!("`{shown}` is neither 0 nor 1"));
        }
        check(&[b' '; 17], Explicit, "longer than 16 bytes");
        check(&vec![b'0'; 50_000_000], Explicit, "longer than 16 bytes");
        check(format!("0{}", "\n".repeat(15)).as_bytes(), Allowed, "0");
    }

    #[test]
    fn what_is_no_readable_file_halts() {
        let dir = tempfile::tempdir().unwrap();
        let check = |path: &Path, source: &str| {
            let halt = sources(None, None, Some(path)).read();
            assert_eq!((halt.kind, halt.source.contains(source)), (Explicit, true), "{halt:?}");
        };
        check(&dir.path().join("absent"), "absent: missing");
        check(dir.path(), "not a file but a directory");
        check(Path::new(""), "EXECUTION_HALTED_FILE: empty");
        check(Path::new("/dev/zero"), "not a file but a device");
        check(Path::new("/dev/null"), "not a file but a device");
        check(Path::new("/proc/self/mem"), "unreadable");
        let closed = dir.path().join("closed");
        std::fs::write(&closed, "0").unwrap();
        std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
        if std::fs::read(&closed).is_ok() {
            println!("unreadable file: not tried, since this user (root) may read everything");
            let halt = sources(None, None, Some(&closed)).judge_by(|_| Err(rustix::io::Errno::ACCESS.into()));
            assert_eq!(
                (halt.kind, halt.source.contains("unreadable: Permission denied")),
                (Explicit, true),
                "{halt:?}"
            );
        } else {
            check(&closed, "unreadable: Permission denied");
        }
    }

    #[test]
    fn the_default_halt_bars_live_alone_and_an_explicit_one_everything() {
        let halt = |kind| Halt { kind, source: String::new(), warnings: Vec::new() };
        for &mode in Mode::ALL {
            assert!(!halt(Allowed).bars(mode), "{mode}");
            assert_eq!(halt(ByDefault).bars(mode), mode == Mode::Live, "{mode}");
            assert!(halt(Explicit).bars(mode), "{mode}");
        }
    }
}
