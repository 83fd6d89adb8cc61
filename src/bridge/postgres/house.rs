//! Edge: the house's upkeep in the database: partitions of the days to come, and of those that are old enough to go.

use super::session::{Session, within};
use super::trouble::Trouble;
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_postgres::error::SqlState;

/// How many days the host wants kept.
const WISH: &str = "UPDATE tickpath.cursors SET keep_days = $2 WHERE host = $1 AND keep_days IS DISTINCT FROM $2";
/// How many days are kept for all hosts, and the admin's floor.
const KEPT: &str = "SELECT tickpath.days_kept($1), (SELECT pg_catalog.max(least_days) FROM tickpath.retention)";
const DROP: &str = "SELECT tickpath.drop_old_partitions($1, pg_catalog.to_timestamp($2))";

impl Session {
    /// Makes sure that days have their partitions.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn partitions(&mut self, days: &BTreeSet<i64>) -> Result<(), Trouble> {
        let new: Vec<i64> = days.difference(&self.days).copied().collect();
        for day in new {
            let day_number = i32::try_from(day).unwrap_or(i32::MAX);
            self.client()
                .execute(
                    "SELECT tickpath.make_partitions(date '1970-01-01' + $1::integer, date '1970-01-01' + $1::integer)",
                    &[&day_number],
                )
                .await?;
            self.days.insert(day);
        }
        Ok(())
    }

    /// Says how many days `host` wants kept (0 = all), and drops partitions that are older, as far as the database's admin and
    /// the other hosts' wishes allow; what was done, or why nothing is, in words, if there is something to say.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn drop_old(&mut self, host: &str, days: u32) -> Result<Option<String>, Trouble> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        within("dropping old partitions", async {
            let keep = i32::try_from(days).unwrap_or(i32::MAX);
            self.client().execute(WISH, &[&host, &keep]).await?;
            if days == 0 {
                return Ok(None);
            }
            let row = self.client().query_one(KEPT, &[&keep]).await?;
            let (kept, floor): (Option<i32>, Option<i32>) = (row.try_get(0)?, row.try_get(1)?);
            let Some(kept) = kept else {
                let why = if floor.is_none() {
                    "the database's admin has set no floor (UPDATE tickpath.retention SET least_days = …)"
                } else {
                    "another host that writes there wants all kept (keep_days in tickpath.cursors)"
                };
                return Ok(Some(format!("nothing is dropped, though `[postgres] keep_days = {days}`: {why}")));
            };
            let dropped = match self.client().query(DROP, &[&keep, &now]).await {
                Ok(rows) => rows.len(),
                Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                    return Ok(Some("old partitions are in use, and stay until another time".to_owned()));
                }
                // The clocks differ: it says so.
                Err(error) if error.code() == Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE) => {
                    return Ok(error.as_db_error().map(|said| said.message().to_owned()));
                }
                // Whatever keeps an old day there must not keep a new one away.
                Err(error) if error.as_db_error().is_some() => {
                    return Ok(Some(format!("old partitions could not be dropped: {}", Trouble::from(error))));
                }
                Err(error) => return Err(error.into()),
            };
            if dropped == 0 {
                return Ok(None);
            }
            self.days.clear();
            Ok(Some(format!("{dropped} partitions older than {kept} days are dropped")))
        })
        .await
    }
}
