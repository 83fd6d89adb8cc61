//! Edge: secrets: from a file or the environment, shown as `***`, compared in constant time, wiped on drop.
//!
//! There is no `Clone`, no `Deref` and no serialising of the value: whoever needs it calls [`Secret::expose`], which is
//! easy to search for. What the environment holds cannot be wiped there; a file is the better place.

use super::small_file::{self, SmallFileError};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The longest secret, in bytes.
pub const BYTES_MAX: usize = 16 * 1024;

/// What stands for a secret wherever it is shown.
const REDACTED: &str = "***";

/// A secret text.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes `bytes`, without the line end that editors leave there. The given buffer becomes the secret's own; nothing is
    /// copied.
    ///
    /// # Errors
    /// `name` and what is wrong with it, never the value.
    fn new(name: &str, mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, SecretError> {
        let fault = |what| SecretError::Value { name: name.to_owned(), what };
        while let Some(b'\n' | b'\r') = bytes.last() {
            bytes.pop();
        }
        if bytes.is_empty() {
            return Err(fault("empty"));
        }
        if std::str::from_utf8(&bytes).is_err() {
            return Err(fault("no UTF-8 text"));
        }
        Ok(Self(std::mem::take(&mut *bytes)))
    }

    /// The value. Not to be printed, kept or sent anywhere but to whom it is for.
    pub fn expose(&self) -> &str {
        // Checked when it was made; empty says nothing.
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    /// Whether `given` is the secret, in a time that depends on the lengths alone.
    pub fn matches(&self, given: &[u8]) -> bool {
        !self.0.is_empty() && bool::from(self.0.as_slice().ct_eq(given))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(REDACTED)
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // `pad` would cut it to a given width.
        f.write_str(REDACTED)
    }
}

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

/// Why there is no secret. Names and paths, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Given twice.
    #[error("both {name} and {name}_FILE are set: set one of them")]
    Twice {
        /// Of the variable.
        name: String,
    },
    /// The file gives nothing.
    #[error("{name}_FILE={}: {source}; it must be a text file of at most {BYTES_MAX} bytes", path.display())]
    File {
        /// Of the variable.
        name: String,
        /// Of the file.
        path: PathBuf,
        /// Why.
        source: SmallFileError,
    },
    /// The value cannot be one.
    #[error("the secret {name} is {what}")]
    Value {
        /// Of the variable.
        name: String,
        /// What it is.
        what: &'static str,
    },
}

/// A secret and what should be better about it.
#[derive(Debug)]
pub struct Loaded {
    /// The secret.
    pub secret: Secret,
    /// What to mend; empty if nothing. Names and paths, never values.
    pub warnings: Vec<String>,
}

/// The secret `name`: from the variable of that name, or from the file that `name`_FILE names; `None` if neither is set.
/// `environment` is such as `|name| std::env::var_os(name)`.
///
/// # Errors
/// [`SecretError`].
pub fn load(name: &str, environment: impl Fn(&str) -> Option<OsString>) -> Result<Option<Loaded>, SecretError> {
    let file_variable = format!("{name}_FILE");
    match (environment(name), environment(&file_variable)) {
        (None, None) => Ok(None),
        (Some(value), other) => {
            // Into the wiped buffer first, so that no way out of here leaves it behind.
            let bytes = Zeroizing::new(value.into_encoded_bytes());
            if other.is_some() {
                return Err(SecretError::Twice { name: name.to_owned() });
            }
            if bytes.len() > BYTES_MAX {
                return Err(SecretError::Value { name: name.to_owned(), what: "longer than 16 KiB" });
            }
            let secret = Secret::new(name, bytes)?;
            let warning =
                format!("the secret {name} is in the environment, which children inherit: better {file_variable}");
            Ok(Some(Loaded { secret, warnings: vec![warning] }))
        }
        (None, Some(path)) => {
            let path = Path::new(&path);
            let fault = |source| SecretError::File { name: name.to_owned(), path: path.to_owned(), source };
            let file = small_file::read(path, BYTES_MAX).map_err(fault)?;
            let warnings = file.world_readable.then(|| {
                format!("{file_variable}={}: everybody on this machine can read it: chmod o-r it", path.display())
            });
            let secret = Secret::new(name, file.content)?;
            Ok(Some(Loaded { secret, warnings: warnings.into_iter().collect() }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::PermissionsExt;

    const CANARY: &str = "canary-7f3a-DO-NOT-PRINT";

    fn load_from(pairs: &[(&str, &str)]) -> Result<Option<Loaded>, SecretError> {
        load("TICKPATH_TOKEN", |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v)))
    }

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let text = path.to_str().unwrap().to_owned();
        (dir, text)
    }

    #[test]
    fn from_the_environment_or_a_file() {
        assert!(load_from(&[]).unwrap().is_none());
        let loaded = load_from(&[("TICKPATH_TOKEN", CANARY)]).unwrap().unwrap();
        assert_eq!(loaded.secret.expose(), CANARY);
        assert!(loaded.warnings[0].contains("better TICKPATH_TOKEN_FILE"));
        for (content, mode, warned) in [
            (format!("{CANARY}\n"), 0o600, false),
            (format!("{CANARY}\r\n"), 0o640, false),
            (CANARY.to_owned(), 0o644, true),
        ] {
            let (_dir, path) = file(content.as_bytes(), mode);
            let loaded = load_from(&[("TICKPATH_TOKEN_FILE", &path)]).unwrap().unwrap();
            assert_eq!(loaded.secret.expose(), CANARY);
            assert_eq!(loaded.warnings.len(), usize::from(warned), "{mode:o}: {:?}", loaded.warnings);
            assert!(loaded.warnings.iter().all(|w| w.contains(&path) && w.contains("everybody on this machine")));
        }
    }

    #[test]
    fn what_is_no_secret_is_refused_without_telling_it() {
        let check = |result: Result<Option<Loaded>, SecretError>, part: &str| {
            let error = result.unwrap_err();
            for text in [error.to_string(), format!("{error:?}")] {
                assert!(!text.contains("canary"), "{text}");
            }
            assert!(error.to_string().contains(part), "{error}");
        };
        let (_dir, path) = file(CANARY.as_bytes(), 0o600);
        check(load_from(&[("TICKPATH_TOKEN", CANARY), ("TICKPATH_TOKEN_FILE", &path)]), "both TICKPATH_TOKEN and");
        check(load_from(&[("TICKPATH_TOKEN", "")]), "the secret TICKPATH_TOKEN is empty");
        check(load_from(&[("TICKPATH_TOKEN", "\n\r\n")]), "empty");
        check(load_from(&[("TICKPATH_TOKEN", &"canary".repeat(4000))]), "longer than 16 KiB");
        let (_dir, path) = file("canary".repeat(4000).as_bytes(), 0o600);
        check(load_from(&[("TICKPATH_TOKEN_FILE", &path)]), "longer than 16384 bytes");
        let (_dir, path) = file(b"canary\xff", 0o600);
        check(load_from(&[("TICKPATH_TOKEN_FILE", &path)]), "no UTF-8 text");
        check(load_from(&[("TICKPATH_TOKEN_FILE", "/nowhere/token")]), "TICKPATH_TOKEN_FILE=/nowhere/token: missing");
        check(load_from(&[("TICKPATH_TOKEN_FILE", "/dev/zero")]), "a device");
        check(load_from(&[("TICKPATH_TOKEN_FILE", "")]), "missing");
        let odd = OsString::from_vec(b"canary\xff".to_vec());
        check(load("X", |name| (name == "X").then(|| odd.clone())), "the secret X is no UTF-8 text");
    }

    #[test]
    fn the_canary_never_sings() {
        #[derive(Debug, serde::Serialize)]
        struct Settings {
            url: &'static str,
            token: Secret,
            keys: Vec<Option<Secret>>,
        }
        let secret = || load_from(&[("TICKPATH_TOKEN", CANARY)]).unwrap().unwrap().secret;
        let settings = Settings { url: "redis://", token: secret(), keys: vec![Some(secret()), None] };
        let loaded = load_from(&[("TICKPATH_TOKEN", CANARY)]).unwrap().unwrap();
        let panic = |text: String| {
            let payload = std::panic::catch_unwind(move || std::panic::panic_any(text)).unwrap_err();
            payload.downcast_ref::<String>().unwrap().clone()
        };
        let login = |token: Secret| -> Result<(), Secret> { Err(token) };
        let unwrapped = std::panic::catch_unwind(|| login(secret()).unwrap()).unwrap_err();
        let texts = [
            format!("{settings:?}"),
            format!("{settings:#?}"),
            format!("{} {:>40} {:.1} {:?}", settings.token, settings.token, settings.token, settings.token),
            format!("{loaded:?}"),
            serde_json::to_string(&settings).unwrap(),
            toml::to_string(&std::collections::BTreeMap::from([("token", &settings.token)])).unwrap(),
            format!("{:?}", anyhow::anyhow!("cannot log in with {}", settings.token)),
            panic(format!("refused: {} {:?}", settings.token, settings)),
            unwrapped.downcast_ref::<String>().unwrap().clone(),
        ];
        for text in &texts {
            // Not by the word: the name of this test is in a stack's trace.
            assert!(!text.contains("7f3a") && !text.contains("99, 97, 110"), "{text}");
            assert!(text.contains("***"), "{text}");
        }
        assert_eq!(
            serde_json::to_string(&settings).unwrap(),
            r#"{"url":"redis://","token":"***","keys":["***",null]}"#
        );
        println!("{} texts, 0 hits", texts.len());
    }

    #[test]
    fn compared_whole_and_wiped() {
        let secret = load_from(&[("TICKPATH_TOKEN", CANARY)]).unwrap().unwrap().secret;
        assert!(secret.matches(CANARY.as_bytes()));
        for wrong in ["", "canary", "canary-7f3a-DO-NOT-PRINT ", "canary-7f3a-DO-NOT-PRINU", "Canary-7f3a-DO-NOT-PRINT"]
        {
            assert!(!secret.matches(wrong.as_bytes()), "{wrong}");
        }
        fn wiped_on_drop<T: ZeroizeOnDrop>(_: &T) {}
        wiped_on_drop(&secret);
        let mut secret = secret;
        secret.zeroize();
        assert_eq!(secret.expose(), "");
        assert!(!secret.matches(b""), "a wiped secret lets nobody in");
    }
}
