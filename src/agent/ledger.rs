//! Edge: heartbeats on their way into PostgreSQL: the history, which nobody waits for.

use crate::control::secret::Secret;
use serde_json::Value;
use std::future::Future;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

/// The variable with the address.
pub const URL_VARIABLE: &str = "DATABASE_URL";
/// The contract's own statement.
const INSERT: &str = "INSERT INTO agent_heartbeats (agent_name, status, metadata) VALUES ($1, $2, $3)";
/// To connect, and to write some rows.
const WITHIN: Duration = Duration::from_secs(5);

/// A heartbeat for the history.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The agent's id.
    pub agent: String,
    /// Its status.
    pub status: &'static str,
    /// What else is known: an object.
    pub metadata: Value,
}

/// Why rows were not written, in words, with what to do. Never with the address, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LedgerTrouble(pub String);

/// Where heartbeats are kept.
pub trait Ledger {
    /// Writes rows, all or none.
    fn write(&mut self, rows: &[Row]) -> impl Future<Output = Result<(), LedgerTrouble>>;
}

/// Writes what comes until there is no more. What cannot be written is told once and given up: it is only history.
pub async fn run(mut ledger: impl Ledger, mut queue: mpsc::Receiver<Vec<Row>>) {
    let mut told = String::new();
    while let Some(rows) = queue.recv().await {
        match ledger.write(&rows).await {
            Ok(()) => told.clear(),
            Err(LedgerTrouble(text)) => {
                if told != text {
                    tracing::warn!("agents: heartbeats are not kept: {text}");
                    told = text;
                }
            }
        }
    }
}

/// A PostgreSQL on this machine.
pub struct Postgres {
    config: Config,
    open: Option<(Client, JoinHandle<()>)>,
}

impl Postgres {
    /// To `url`; connects to nothing yet.
    ///
    /// # Errors
    /// The address makes no sense, or is on another machine.
    pub fn new(url: &Secret) -> Result<Self, LedgerTrouble> {
        let config: Config = url.expose().parse().map_err(|_| {
            LedgerTrouble(format!(
                "{URL_VARIABLE} is no address: expected postgresql://NAME:PASSWORD@HOST[:PORT]/DATABASE"
            ))
        })?;
        let is_here = |host: &Host| match host {
            Host::Tcp(name) => {
                name.eq_ignore_ascii_case("localhost")
                    || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            Host::Unix(_) => true,
        };
        if config.get_hosts().iter().all(is_here) && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback) {
            Ok(Self { config, open: None })
        } else {
            Err(LedgerTrouble(format!("{URL_VARIABLE} leads to another machine: that needs TLS")))
        }
    }

    async fn client(&mut self) -> Result<&Client, tokio_postgres::Error> {
        let open = if let Some(open) = self.open.take().filter(|(client, _)| !client.is_closed()) {
            open
        } else {
            let (client, connection) = self.config.connect(NoTls).await?;
            // Its end is seen by the next statement.
            (client, tokio::spawn(async move { drop(connection.await) }))
        };
        Ok(&self.open.insert(open).0)
    }
}

fn words(error: &tokio_postgres::Error) -> LedgerTrouble {
    LedgerTrouble(match error.code() {
        Some(&SqlState::UNDEFINED_TABLE) => {
            "PostgreSQL: there is no table `agent_heartbeats`: `tickpath migrate` makes it".to_owned()
        }
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            "PostgreSQL: its user may not insert into `agent_heartbeats`: use the role `tickpath_writer`".to_owned()
        }
        _ => match error.as_db_error() {
            Some(error) => format!("PostgreSQL: {} ({})", error.message(), error.code().code()),
            None => format!("PostgreSQL: {error}: is it running, and is {URL_VARIABLE} right?"),
        },
    })
}

impl Ledger for Postgres {
    async fn write(&mut self, rows: &[Row]) -> Result<(), LedgerTrouble> {
        let written = tokio::time::timeout(WITHIN, async {
            let client = self.client().await?;
            client.batch_execute("BEGIN").await?;
            for row in rows {
                if let Err(error) = client.execute(INSERT, &[&row.agent, &row.status, &row.metadata]).await {
                    // The first error is the one to tell.
                    drop(client.batch_execute("ROLLBACK").await);
                    return Err(error);
                }
            }
            client.batch_execute("COMMIT").await
        })
        .await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(words(&error)),
            Err(_) => {
                // What it is at is not known: another connection next time.
                if let Some((_, carried)) = self.open.take() {
                    carried.abort();
                }
                Err(LedgerTrouble(format!("PostgreSQL: no answer within {} s", WITHIN.as_secs())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::secret::load;

    #[test]
    fn only_on_this_machine_and_never_with_the_password() {
        let check = |url: &str, part: Option<&str>| {
            let environment = |name: &str| (name == "X").then(|| url.into());
            let secret = load("X", environment).unwrap().unwrap().secret;
            match (Postgres::new(&secret), part) {
                (Ok(_), None) => {}
                (Err(LedgerTrouble(text)), Some(part)) => {
                    assert!(text.contains(part) && !text.contains("pass"), "{text}");
                }
                (other, _) => panic!("{url}: {:?}", other.map(|_| ())),
            }
        };
        check("postgresql://a:pass@127.0.0.1/x", None);
        check("postgresql://a:pass@localhost:5433/x", None);
        check("postgresql://a:pass@far.example/x", Some("needs TLS"));
        check("pass=1", Some("is no address"));
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_given_up_and_the_next_is_tried() {
        struct Odd(Vec<&'static str>);
        impl Ledger for &mut Odd {
            async fn write(&mut self, rows: &[Row]) -> Result<(), LedgerTrouble> {
                if rows[0].agent == "bad" {
                    return Err(LedgerTrouble("no table".to_owned()));
                }
                self.0.push(rows[0].status);
                Ok(())
            }
        }
        let (sender, queue) = mpsc::channel(8);
        for agent in ["bad", "good", "bad", "good"] {
            let row = Row { agent: agent.to_owned(), status: "alive", metadata: Value::Null };
            sender.try_send(vec![row]).unwrap();
        }
        drop(sender);
        let mut odd = Odd(Vec::new());
        run(&mut odd, queue).await;
        assert_eq!(odd.0, ["alive", "alive"]);
    }
}
