//! Edge: where the database is, and how safely it is reached: what `DATABASE_URL` says, read before anything is connected to.

use super::trouble::Trouble;
use crate::control::secret::Secret;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The variable with the address: `postgresql://NAME:PASSWORD@HOST/DATABASE`, or `host=… user=… dbname=…`.
pub const URL_VARIABLE: &str = "DATABASE_URL";
/// To connect to one address.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The name under which the server lists the connection.
const APPLICATION: &str = "tickpath";

/// A database, and whether it is reached by TLS.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    pub(super) tls: Option<MakeRustlsConnect>,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

/// What is said of TLS beside what the client itself understands.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tls {
    mode: Option<String>,
    roots: Option<String>,
}

impl Address {
    /// Reads `url`; connects to nothing yet. To another machine TLS is used, and the server's certificate and name are verified
    /// (as with `sslmode=verify-full`); `sslrootcert` names a file with other roots than the public ones. On this machine TLS is
    /// used, and verified too, if `sslmode` asks for it. `plain_allowed` permits `sslmode=disable` to another machine.
    ///
    /// # Errors
    /// The address makes no sense, is far away and without TLS, or its roots cannot be read. Never with the address itself.
    pub fn parse(url: &Secret, plain_allowed: bool) -> Result<Self, Trouble> {
        let bad = |what: &str| {
            Trouble(format!(
                "{URL_VARIABLE} {what}: expected postgresql://[NAME[:PASSWORD]@]HOST[:PORT]/DATABASE[?sslmode=verify-full&sslrootcert=FILE]"
            ))
        };
        let (rest, tls) = take_tls(url.expose()).ok_or_else(|| bad("is no address"))?;
        let mut config: Config = rest.parse().map_err(|_| bad("is no address"))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(bad("names no host"));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_WITHIN);
        }
        if config.get_application_name().is_none() {
            config.application_name(APPLICATION);
        }
        // A peer that is gone without a word is noticed.
        config.keepalives_idle(Duration::from_secs(30)).tcp_user_timeout(Duration::from_secs(30));
        let far = far(&config);
        let uses_tls = match (tls.mode.as_deref(), &far) {
            (Some("require" | "verify-ca" | "verify-full"), _) => true,
            (None | Some("prefer" | "allow" | "disable"), None) => false,
            (None | Some("prefer" | "allow"), Some(_)) => true,
            (Some("disable"), Some(_)) if plain_allowed => false,
            (Some("disable"), Some(host)) => {
                return Err(Trouble(format!(
                    "{URL_VARIABLE} leads to another machine ({host}) without TLS: leave `sslmode=disable` out, or set `[postgres] plain_allowed = true` if that network is yours alone"
                )));
            }
            (Some(_), _) => {
                return Err(bad(
                    "has an `sslmode` that is none of disable, allow, prefer, require, verify-ca, verify-full",
                ));
            }
        };
        config.ssl_mode(if uses_tls { SslMode::Require } else { SslMode::Disable });
        let tls = if uses_tls { Some(connector(tls.roots.as_deref())?) } else { None };
        Ok(Self { config, tls })
    }

    /// The database, as messages name it.
    pub fn database(&self) -> &str {
        self.config.get_dbname().or_else(|| self.config.get_user()).unwrap_or("")
    }
}

/// The first host that is not this machine.
fn far(config: &Config) -> Option<String> {
    if !config.get_hostaddrs().is_empty() {
        return config.get_hostaddrs().iter().find(|address| !address.is_loopback()).map(ToString::to_string);
    }
    config.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(name) => {
            let here = name.eq_ignore_ascii_case("localhost")
                || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
            (!here).then(|| name.clone())
        }
        #[cfg(unix)]
        Host::Unix(_) => None,
    })
}

/// Takes `sslmode` and `sslrootcert` out of an address, since the client knows one not at all and the other in part.
fn take_tls(text: &str) -> Option<(String, Tls)> {
    let mut tls = Tls::default();
    let mut take = |key: &str, value: String| {
        match key {
            "sslmode" => tls.mode = Some(value),
            "sslrootcert" => tls.roots = Some(value),
            _ => return false,
        }
        true
    };
    let rest = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        let Some((front, query)) = text.split_once('?') else { return Some((text.to_owned(), tls)) };
        let mut kept = Vec::new();
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !take(key, percent_decoded(value)?) {
                kept.push(pair);
            }
        }
        if kept.is_empty() { front.to_owned() } else { format!("{front}?{}", kept.join("&")) }
    } else {
        let mut kept = String::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (key, behind) = rest.split_once('=')?;
            let (value, length) = keyword_value(behind.trim_start())?;
            let end = rest.len() - behind.trim_start().len() + length;
            if !take(key.trim(), value) {
                kept.push_str(&rest[..end]);
                kept.push(' ');
            }
            rest = rest[end..].trim_start();
        }
        kept
    };
    Some((rest, tls))
}

/// A value as libpq writes it (quoted with `'`, `\` before a character that means itself), and the bytes that it takes.
fn keyword_value(text: &str) -> Option<(String, usize)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?.1),
            '\'' if quoted => return Some((value, at + 1)),
            c if c.is_whitespace() && !quoted => return Some((value, at)),
            c => value.push(c),
        }
    }
    (!quoted).then_some((value, text.len()))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first == b'%' {
            let digits = std::str::from_utf8(behind.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &behind[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// TLS that verifies the server's certificate and name: by the certificates in the file `roots`, or by the public ones.
fn connector(roots: Option<&str>) -> Result<MakeRustlsConnect, Trouble> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let Some(path) = roots.filter(|path| *path != "system") else {
        // It asks for the process's own provider; one that is there already is as good.
        let _ = provider.install_default();
        return Ok(MakeRustlsConnect::with_webpki_roots());
    };
    let unusable = |what: String| {
        Trouble(format!("sslrootcert={path} of {URL_VARIABLE}: {what}; expected a file of PEM certificates"))
    };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unusable(e.to_string()))? {
        let certificate = certificate.map_err(|e| unusable(e.to_string()))?;
        store.add(certificate).map_err(|e| unusable(e.to_string()))?;
    }
    if store.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable(e.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::secret::load;

    fn secret(url: &str) -> Secret {
        let environment = |name: &str| (name == "X").then(|| url.into());
        load("X", environment).unwrap().unwrap().secret
    }

    #[test]
    fn far_away_only_with_tls() {
        let check = |url: &str, plain: bool, expected: Result<bool, &str>| match (
            Address::parse(&secret(url), plain).map(|address| address.tls.is_some()),
            expected,
        ) {
            (Ok(tls), Ok(expected)) => assert_eq!(tls, expected, "{url}"),
            (Err(Trouble(text)), Err(part)) => assert!(text.contains(part) && !text.contains("pass"), "{url}: {text}"),
            (other, _) => panic!("{url}: {other:?}"),
        };
        check("postgresql://a:pass@127.0.0.1:5432/db", false, Ok(false));
        check("postgres://a:pass@localhost/db", false, Ok(false));
        check("postgres://a:pass@[::1]/db", false, Ok(false));
        check("host=/var/run/postgresql user=a dbname=db", false, Ok(false));
        check("postgres://a:pass@localhost/db?sslmode=require", false, Ok(true));
        check("postgres://a:pass@far.example/db", false, Ok(true));
        check("postgres://a:pass@far.example/db?sslmode=prefer", true, Ok(true));
        check("host=far.example user=a password='pass word' sslmode=verify-full dbname=db", false, Ok(true));
        check("postgres://a:pass@far.example/db?sslmode=disable", true, Ok(false));
        check("postgres://a:pass@far.example/db?sslmode=disable", false, Err("without TLS"));
        check("postgres://a:pass@localhost,far.example/db?sslmode=disable", false, Err("without TLS"));
        check("host=localhost hostaddr=10.0.0.7 user=a sslmode=disable", false, Err("10.0.0.7"));
        check("postgres://a:pass@localhost/db?sslmode=sometimes", false, Err("none of disable"));
        check("postgres://a:pass@localhost/db?nonsense=1", false, Err("is no address"));
        check("mysql://a:pass@localhost/db", false, Err("is no address"));
        check("pass", false, Err("is no address"));
        check("user=a password=pass", false, Err("names no host"));
        check("postgres://a:pass@far.example/db?sslrootcert=/nowhere.pem", false, Err("sslrootcert=/nowhere.pem"));
    }

    #[test]
    fn what_the_client_does_not_know_is_taken_out() {
        let check = |text: &str, rest: &str, mode: Option<&str>, roots: Option<&str>| {
            let expected = Tls { mode: mode.map(Into::into), roots: roots.map(Into::into) };
            assert_eq!(take_tls(text), Some((rest.to_owned(), expected)), "{text}");
        };
        check("postgres://h/d", "postgres://h/d", None, None);
        check(
            "postgres://h/d?sslrootcert=%2Fa%20b.pem&connect_timeout=3&sslmode=verify-full",
            "postgres://h/d?connect_timeout=3",
            Some("verify-full"),
            Some("/a b.pem"),
        );
        check(
            r"host=h sslrootcert='/a \'b.pem' password = 'x=\' y' sslmode=verify-ca",
            r"host=h password = 'x=\' y' ",
            Some("verify-ca"),
            Some("/a 'b.pem"),
        );
        for bad in ["postgres://h/d?sslrootcert=%zz", "host", "host='x", r"host=x\"] {
            assert_eq!(take_tls(bad), None, "{bad}");
        }
    }
}
