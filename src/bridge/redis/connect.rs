//! Edge: to the server: address, TLS, and what its settings put at risk.

use super::trouble::Trouble;
use crate::control::secret::Secret;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo};
use std::net::IpAddr;
use std::time::Duration;

/// The variable with the address: `redis://` or `rediss://`, with name and password.
pub const URL_VARIABLE: &str = "REDIS_URL";
/// To connect.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// To answer one batch. A server that was stopped for a moment gets the time to go on; what it did not answer is asked for.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A client for `url`; connects to nothing yet.
///
/// # Errors
/// The address makes no sense, or is far away without TLS.
pub fn client(url: &Secret, plain_allowed: bool) -> Result<Client, Trouble> {
    let bad = |_| {
        Trouble(format!(
            "{URL_VARIABLE} is no address: expected redis://[NAME:PASSWORD@]HOST[:PORT][/DB], or rediss:// for TLS"
        ))
    };
    let info = url.expose().into_connection_info().map_err(bad)?;
    if let ConnectionAddr::Tcp(host, _) = info.addr()
        && !plain_allowed
        && !is_here(host)
    {
        return Err(Trouble(format!(
            "{URL_VARIABLE} leads to another machine ({host}) without TLS: use rediss://, or set `[redis] plain_allowed = true` if that network is yours alone"
        )));
    }
    Client::open(info).map_err(bad)
}

/// Whether `host` is this machine.
fn is_here(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A connection of its own, which never connects again by itself: whoever uses it must ask the server where it stands first.
///
/// # Errors
/// [`Trouble`].
pub async fn connect(client: &Client) -> Result<MultiplexedConnection, Trouble> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_WITHIN))
        .set_response_timeout(Some(ANSWER_WITHIN));
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}

/// What the server's settings put at risk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Risks {
    /// In words; empty if nothing.
    pub words: Vec<String>,
    /// It may evict queues and streams, or does not say.
    pub evicts: bool,
}

/// Reads them.
pub async fn risks(connection: &mut MultiplexedConnection) -> Risks {
    let asked: Result<Vec<(String, String)>, _> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("maxmemory-policy")
        .arg("appendonly")
        .query_async::<redis::Value>(connection)
        .await
        .and_then(|value| Ok(redis::from_redis_value(value)?));
    let settings = asked.unwrap_or_default();
    judge(|name| settings.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()))
}

/// Whether the server is there and loses nothing of its own accord, as LIVE needs it. Blocks for some seconds at most. `key` is
/// written for a moment: only that shows that the server takes writes, and from this user.
///
/// # Errors
/// Why not.
pub fn fit_for_live(client: &Client, key: &str) -> Result<(), Trouble> {
    let failed = |e: std::io::Error| Trouble(format!("Redis: {e}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let asked = runtime.block_on(async {
        let mut connection = connect(client).await?;
        redis::cmd("SET").arg(key).arg(1).arg("PX").arg(1_000).query_async::<()>(&mut connection).await?;
        Ok::<_, Trouble>(risks(&mut connection).await)
    });
    // A name that is still looked up is not waited for.
    runtime.shutdown_background();
    let risks = asked?;
    if risks.evicts { Err(Trouble(format!("Redis: {}", risks.words.join("; ")))) } else { Ok(()) }
}

fn judge<'a>(setting: impl Fn(&str) -> Option<&'a str>) -> Risks {
    let mut risks = Risks::default();
    match setting("maxmemory-policy") {
        Some("noeviction") => {}
        Some(policy) if policy.starts_with("volatile-") => risks.words.push(format!(
            "`maxmemory-policy {policy}`: keys with a time to live may go early; `noeviction` is what queues need"
        )),
        Some(policy) => {
            risks.evicts = true;
            risks.words.push(format!(
                "`maxmemory-policy {policy}`: under pressure it may evict queues and streams whole; set `noeviction`"
            ));
        }
        None => {
            risks.evicts = true;
            risks
                .words
                .push("it does not tell its `maxmemory-policy` (CONFIG GET): it counts as one that evicts".to_owned());
        }
    }
    if setting("appendonly") != Some("yes") {
        risks.words.push("`appendonly` is off: after a crash queues are as of the last snapshot (the event stream is written again from the journal)".to_owned());
    }
    risks
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
        let check = |url: &str, plain: bool, part: Option<&str>| match (client(&secret(url), plain), part) {
            (Ok(_), None) => {}
            (Err(Trouble(text)), Some(part)) => {
                assert!(text.contains(part) && !text.contains("pass"), "{url}: {text}");
            }
            (other, _) => panic!("{url}: {:?}", other.map(|_| ())),
        };
        check("redis://127.0.0.1:6379", false, None);
        check("redis://a:pass@localhost", false, None);
        check("redis://[::1]:7000/3", false, None);
        check("rediss://a:pass@far.example", false, None);
        check("redis://a:pass@far.example:6379", false, Some("without TLS"));
        check("redis://a:pass@far.example:6379", true, None);
        check("http://a:pass@x", false, Some("is no address"));
        check("pass", false, Some("is no address"));
    }

    #[test]
    fn what_a_server_puts_at_risk() {
        let check = |policy: Option<&'static str>, append: &'static str, evicts: bool, parts: &[&str]| {
            let found = judge(|name| if name == "appendonly" { Some(append) } else { policy });
            assert_eq!((found.words.len(), found.evicts), (parts.len(), evicts), "{found:?}");
            assert!(found.words.iter().zip(parts).all(|(text, part)| text.contains(part)), "{found:?}");
        };
        check(Some("noeviction"), "yes", false, &[]);
        check(Some("allkeys-lru"), "yes", true, &["evict queues and streams"]);
        check(Some("of tomorrow"), "yes", true, &["evict"]);
        check(Some("volatile-ttl"), "no", false, &["time to live", "appendonly"]);
        check(None, "yes", true, &["does not tell"]);
    }
}
