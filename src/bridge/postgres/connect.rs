//! Edge: to the server: one connection, or a pool of them for queries; and whether it is fit for LIVE.
//!
//! A connection is two things: a client to ask with, and a task that moves the bytes. [`connect`] starts the task on the runtime
//! that it is called on; it ends with the client. Plain `INSERT`s of other parts of the host (heartbeats, tasks) take a client of
//! [`pool`]: it looks at each connection before it hands it out, and replaces what is broken.

use super::address::Address;
use super::trouble::Trouble;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

/// To connect and log in, over all addresses.
const LOGIN_WITHIN: Duration = Duration::from_secs(15);
/// For a connection out of a pool.
const POOL_WITHIN: Duration = Duration::from_secs(5);

/// Connects and logs in. Must be called on a tokio runtime; the task ends when the client is dropped.
///
/// # Errors
/// [`Trouble`]; never with the address.
pub async fn connect(address: &Address) -> Result<(Client, JoinHandle<()>), Trouble> {
    let connecting = async {
        // What ends a connection is told by the statement that fails for it.
        Ok::<_, Trouble>(if let Some(tls) = &address.tls {
            let (client, connection) = address.config.connect(tls.clone()).await?;
            (client, tokio::spawn(async move { drop(connection.await) }))
        } else {
            let (client, connection) = address.config.connect(NoTls).await?;
            (client, tokio::spawn(async move { drop(connection.await) }))
        })
    };
    match tokio::time::timeout(LOGIN_WITHIN, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(Trouble::too_slow("logging in")),
    }
}

/// At most `most` connections (at least 1), made when they are needed, each looked at before it is handed out.
///
/// # Errors
/// [`Trouble`]: the pool cannot be built. It connects to nothing yet.
pub fn pool(address: &Address, most: usize) -> Result<Pool, Trouble> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Verified };
    let manager = match &address.tls {
        Some(tls) => Manager::from_config(address.config.clone(), tls.clone(), recycling),
        None => Manager::from_config(address.config.clone(), NoTls, recycling),
    };
    Pool::builder(manager)
        .max_size(most.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(POOL_WITHIN))
        .create_timeout(Some(LOGIN_WITHIN))
        .recycle_timeout(Some(POOL_WITHIN))
        .build()
        .map_err(|e| Trouble(format!("PostgreSQL: no pool of connections: {e}")))
}

/// Why the server or its database cannot take what is written, if so.
///
/// # Errors
/// [`Trouble`].
pub async fn read_only(client: &Client) -> Result<Option<Trouble>, Trouble> {
    let row = client
        .query_one(
            "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only') = 'on',
                pg_catalog.current_setting('server_encoding')",
            &[],
        )
        .await?;
    let (replica, read_only): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    let encoding: String = row.try_get(2)?;
    if encoding != "UTF8" {
        return Ok(Some(Trouble(format!(
            "PostgreSQL: the database is encoded in {encoding}, which cannot hold every text; expected UTF8: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and name that in DATABASE_URL"
        ))));
    }
    Ok(match (replica, read_only) {
        (true, _) => {
            Some(Trouble("PostgreSQL: this is a read-only replica; give the primary's address in DATABASE_URL".to_owned()))
        }
        (false, true) => Some(Trouble(
            "PostgreSQL: transactions are read-only there (`default_transaction_read_only`); set it off for this user or database, or give another address in DATABASE_URL"
                .to_owned(),
        )),
        _ => None,
    })
}
