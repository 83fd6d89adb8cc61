//! Edge: who may change state: bearer tokens from the environment or a file.
//!
//! Only the SHA-256 of a token is kept, so that no memory dump, log or panic can show one. An offered token is hashed and
//! compared with *every* known one in constant time: how long that takes tells neither which is nearest nor how long one is.

use super::word::OperatorName;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The variable that holds the token.
pub const TOKEN: &str = "TICKPATH_ADMIN_TOKEN";
/// The variable that names a file with the token.
pub const TOKEN_FILE: &str = "TICKPATH_ADMIN_TOKEN_FILE";

/// How to get in, for the answer to those who cannot.
pub const HOW_TO: &str = "set TICKPATH_ADMIN_TOKEN, or TICKPATH_ADMIN_TOKEN_FILE, to a token of 16 to 256 visible ASCII \
characters (for example of `openssl rand -hex 32`) and start the host again; send it as `Authorization: Bearer TOKEN`";

const LENGTH_MIN: usize = 16;
const LENGTH_MAX: usize = 256;
const TOKENS_MAX: usize = 16;
const FILE_MAX: u64 = 16 * 1024;

/// Why tokens cannot be used. No message shows any part of one.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Both variables are set.
    #[error("both {TOKEN} and {TOKEN_FILE} are set; unset one, so that it is clear which counts")]
    Both,
    /// The file cannot be read.
    #[error("{TOKEN_FILE}: cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is too long for what it should be.
    #[error("{TOKEN_FILE}: {} is longer than {FILE_MAX} bytes; expected one token, or lines of `NAME TOKEN`", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A line is no token.
    #[error(
        "{origin}, line {line}: {what}; expected `TOKEN` or `NAME TOKEN`, the token 16 to 256 visible ASCII characters"
    )]
    Malformed {
        /// The variable.
        origin: &'static str,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Set, but nothing in it.
    #[error("{0} is set but holds no token; {HOW_TO}")]
    Empty(&'static str),
}

struct Token {
    digest: [u8; 32],
    /// Whose it is; `None`: whoever holds it names himself.
    name: Option<OperatorName>,
}

/// The known tokens.
#[derive(Default)]
pub struct Tokens {
    tokens: Vec<Token>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens({} ***)", self.tokens.len())
    }
}

/// What an offered token is worth.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Known. The name that it belongs to, if it belongs to one.
    Known(Option<&'a OperatorName>),
    /// Not known.
    Unknown,
}

impl Tokens {
    /// None: nobody may change anything.
    pub fn none() -> Self {
        Self::default()
    }

    /// From the environment, given as a function so that tests need not change their own.
    ///
    /// # Errors
    /// [`TokenError`]. The caller should say it and go on with [`Tokens::none`] or end; never guess a token.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Result<Self, TokenError> {
        let token = get(TOKEN).map(Zeroizing::new);
        let file = get(TOKEN_FILE).map(PathBuf::from);
        match (token, file) {
            (None, None) => Ok(Self::none()),
            (Some(_), Some(_)) => Err(TokenError::Both),
            (Some(text), None) => Self::parse(&text, TOKEN),
            (None, Some(path)) => {
                let read = |source| TokenError::Read { path: path.clone(), source };
                if std::fs::metadata(&path).map_err(read)?.len() > FILE_MAX {
                    return Err(TokenError::TooLong { path });
                }
                let text = Zeroizing::new(std::fs::read_to_string(&path).map_err(read)?);
                Self::parse(&text, TOKEN_FILE)
            }
        }
    }

    /// Lines of `TOKEN` or `NAME TOKEN`; empty lines and lines that begin with `#` do not count.
    ///
    /// # Errors
    /// [`TokenError::Malformed`], [`TokenError::Empty`].
    pub fn parse(text: &str, origin: &'static str) -> Result<Self, TokenError> {
        let mut tokens: Vec<Token> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let malformed = |what| TokenError::Malformed { origin, line: index + 1, what };
            let mut words = line.split_ascii_whitespace();
            let (name, token) = match (words.next(), words.next(), words.next()) {
                (Some(token), None, None) => (None, token),
                (Some(name), Some(token), None) => {
                    let name = OperatorName::new(name).map_err(|_| malformed("the name is not one"))?;
                    (Some(name), token)
                }
                _ => return Err(malformed("more than two words")),
            };
            if token.len() < LENGTH_MIN {
                return Err(malformed("the token is shorter than 16 characters"));
            }
            if token.len() > LENGTH_MAX || !token.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(malformed("the token is too long or has other characters"));
            }
            if tokens.len() == TOKENS_MAX {
                return Err(malformed("more than 16 tokens"));
            }
            let digest = hash(token.as_bytes());
            if tokens.iter().any(|t| t.digest == digest) {
                return Err(malformed("the same token twice"));
            }
            tokens.push(Token { digest, name });
        }
        if tokens.is_empty() { Err(TokenError::Empty(origin)) } else { Ok(Self { tokens }) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Looks at an offered token. Every known token is compared, whichever fits.
    pub fn check(&self, offered: &[u8]) -> Verdict<'_> {
        let offered = hash(offered);
        let mut found = None;
        for token in &self.tokens {
            if verify_slices_are_equal(&token.digest, &offered).is_ok() {
                found = Some(token);
            }
        }
        found.map_or(Verdict::Unknown, |token| Verdict::Known(token.name.as_ref()))
    }
}

fn hash(text: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, text).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0123456789abcdef0123456789abcdef";
    const B: &str = "another-token-of-somebody";

    #[test]
    fn tokens_may_belong_to_names() {
        let tokens = Tokens::parse(&format!("# who\n\n{A}\n  ada {B}  \n"), TOKEN_FILE).unwrap();
        assert_eq!(tokens.check(A.as_bytes()), Verdict::Known(None));
        let ada = OperatorName::new("ada").unwrap();
        assert_eq!(tokens.check(B.as_bytes()), Verdict::Known(Some(&ada)));
        for wrong in ["", "0", &A[1..], &format!("{A}0"), &A.to_uppercase(), "ada"] {
            assert_eq!(tokens.check(wrong.as_bytes()), Verdict::Unknown, "{wrong}");
        }
        assert_eq!(Tokens::none().check(A.as_bytes()), Verdict::Unknown);
        assert_eq!(Tokens::none().check(b""), Verdict::Unknown);
    }

    #[test]
    fn bad_tokens_are_told_and_never_shown() {
        for (text, part) in [
            ("", "holds no token"),
            ("# only a comment", "holds no token"),
            ("short-secret", "shorter than 16"),
            ("a b c", "more than two words"),
            ("n?me 0123456789abcdef", "the name"),
            ("0123456789abcdef\n0123456789abcdef", "line 2: the same token twice"),
            ("0123456789abcdéfg", "other characters"),
        ] {
            let error = Tokens::parse(text, TOKEN_FILE).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("short-secret") && !error.contains("0123456789"), "{error}");
        }
        let shown = format!("{:?}", Tokens::parse(A, TOKEN).unwrap());
        assert_eq!(shown, "Tokens(1 ***)");
    }

    #[test]
    fn the_environment_gives_one_of_two() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let path = file.to_str().unwrap().to_owned();
        let load = |token: Option<&str>, file: Option<&str>| {
            Tokens::from_environment(|name| if name == TOKEN { token } else { file }.map(ToOwned::to_owned))
        };
        assert!(load(None, None).unwrap().is_empty());
        assert!(matches!(load(Some(A), Some(&path)), Err(TokenError::Both)));
        assert!(matches!(load(None, Some(&path)), Err(TokenError::Read { .. })));
        assert!(matches!(load(Some(""), None), Err(TokenError::Empty(_))));
        std::fs::write(&file, format!("{A}\n")).unwrap();
        assert_eq!(load(None, Some(&path)).unwrap().check(A.as_bytes()), Verdict::Known(None));
        std::fs::write(&file, "x".repeat(20_000)).unwrap();
        assert!(matches!(load(None, Some(&path)), Err(TokenError::TooLong { .. })));
    }

    #[test]
    fn the_comparison_is_the_constant_time_one() {
        let source = include_str!("auth.rs");
        let check = source.split("pub fn check").nth(1).unwrap().split("\n    }\n").next().unwrap();
        assert!(check.contains("verify_slices_are_equal(&token.digest, &offered)"), "{check}");
        assert!(!check.contains("==") && !check.contains("break") && !check.contains("return"), "{check}");
    }
}
