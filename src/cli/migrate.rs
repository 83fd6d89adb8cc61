//! Edge: `tickpath migrate`: the schema of the database, brought up to date, or only looked at.

use super::Cli;
use super::exit::{Code, Failure};
use crate::bridge::postgres::address::{Address, URL_VARIABLE};
use crate::bridge::postgres::migrate::{self, Standing};
use crate::bridge::postgres::trouble::Trouble;
use crate::bridge::postgres::{connect, migrate::Target};
use crate::control::secret;

/// Arguments of `migrate`.
#[derive(Debug, clap::Args)]
pub struct MigrateArgs {
    /// Change nothing: say the version and what is missing; exit code 1 if something is.
    #[arg(long)]
    pub check: bool,
}

/// Migrates the database in `DATABASE_URL` (or the file that `DATABASE_URL_FILE` names), or looks at it.
///
/// # Errors
/// No address (exit code 4); a database that cannot be reached or migrated (1).
pub fn main(cli: &Cli, args: &MigrateArgs) -> Result<Code, Failure> {
    let config = crate::config::load(cli.config.as_deref(), std::env::vars())?.config;
    let configuration = |e: &dyn std::fmt::Display| Failure::new(Code::Configuration, e).at(URL_VARIABLE);
    let url = secret::load(URL_VARIABLE, |name| std::env::var_os(name)).map_err(|e| configuration(&e))?;
    let Some(url) = url else {
        return Err(configuration(&format!(
            "{URL_VARIABLE} is not set; set it, or {URL_VARIABLE}_FILE, to postgresql://NAME:PASSWORD@HOST/DATABASE"
        )));
    };
    let address = Address::parse(&url.secret, config.postgres.plain_allowed).map_err(|e| configuration(&e))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done: Result<(i32, Standing), Trouble> = runtime.block_on(async {
        let (mut client, _driver) = connect::connect(&address).await?;
        let before = migrate::look(&client).await?;
        if args.check {
            return Ok((before.version, before));
        }
        if let Some(trouble) = connect::read_only(&client).await? {
            return Err(trouble);
        }
        Ok((before.version, migrate::migrate_to(&mut client, Target::Latest).await?))
    });
    runtime.shutdown_background();
    let (before, standing) = done.map_err(|e| Failure::new(Code::Error, e).at(address.database()))?;
    if cli.json {
        let database = address.database();
        crate::say!(
            "{}",
            serde_json::json!({"ok": standing.is_current(), "database": database, "before": before, "schema": standing})
        );
    } else {
        tell(&address, before, &standing);
    }
    Ok(if standing.is_current() { Code::Ok } else { Code::Error })
}

fn tell(address: &Address, before: i32, standing: &Standing) {
    let Standing { version, wanted, pending, missing, altered, not_granted } = standing;
    let database = address.database();
    match version.cmp(wanted) {
        std::cmp::Ordering::Equal if before == *version => {
            crate::say!("database `{database}`: schema version {version}, as this program needs it");
        }
        std::cmp::Ordering::Equal => crate::say!("database `{database}`: schema version {before} → {version}"),
        std::cmp::Ordering::Less => {
            crate::say!(
                "database `{database}`: schema version {version}, this program needs {wanted}: `tickpath migrate`"
            );
            for step in pending {
                crate::say!("  to do: {step}");
            }
        }
        std::cmp::Ordering::Greater => {
            crate::say!(
                "database `{database}`: schema version {version}, newer than this program's {wanted}: use the newer program"
            );
        }
    }
    for what in missing {
        crate::say!("  missing: {what} (put it back as `migrations/` has it)");
    }
    for what in altered {
        crate::say!("  of another type: {what}");
    }
    if !not_granted.is_empty() {
        crate::say!(
            "this user may not do the following; somebody who may should, and then run `tickpath migrate` again:"
        );
        for statement in not_granted {
            crate::say!("  {statement};");
        }
    }
}
