//! PostgreSQL: a table of calls in a database that others read. The place in the log is part of each transaction there, so a
//! record takes effect once whatever happens between.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use postgres::error::{DbError, SqlState};
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls, Transaction};
use turno_tariff::cdr::{Record, format};

use super::aside::Shelf;
use crate::shell::store::consumer::{Consumer, Trouble};
use crate::shell::store::feed::{Content, Item, Wants};
use crate::shell::store::log::Place;

/// Longest wait between two tries.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// For a connection, and for each statement on the server's side.
const PATIENCE: Duration = Duration::from_secs(5);
/// For a peer that has gone without a word.
const SILENCE: Duration = Duration::from_secs(15);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS turno_place (consumer text PRIMARY KEY, segment bigint NOT NULL, byte bigint NOT NULL);
CREATE TABLE IF NOT EXISTS turno_calls (
  call text PRIMARY KEY, seq integer NOT NULL, direction text NOT NULL, purpose text NOT NULL, ani text NOT NULL,
  dnis text NOT NULL, customer text, segment text, queue text, agent text, arrived timestamptz NOT NULL,
  ended timestamptz NOT NULL, total_ms bigint NOT NULL, wait_ms bigint NOT NULL, talk_ms bigint NOT NULL,
  hold_ms bigint NOT NULL, outcome text NOT NULL, ended_by text NOT NULL, record jsonb NOT NULL);
CREATE INDEX IF NOT EXISTS turno_calls_arrived ON turno_calls (arrived);
";

const INSERT: &str = "INSERT INTO turno_calls VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
  to_timestamp($11::bigint / 1000000) + ($11::bigint % 1000000) * interval '1 microsecond',
  to_timestamp($12::bigint / 1000000) + ($12::bigint % 1000000) * interval '1 microsecond',
  $13, $14, $15, $16, $17, $18, $19::text::jsonb) ON CONFLICT (call) DO NOTHING";

/// How to connect: `host=... user=... dbname=...` or `postgresql://...`.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresOut {
    connection: String,
}

impl FromStr for PostgresOut {
    type Err = postgres::Error;

    fn from_str(connection: &str) -> Result<PostgresOut, postgres::Error> {
        connection.parse::<Config>().map(|_| PostgresOut { connection: connection.to_owned() })
    }
}

/// Without the password.
impl fmt::Debug for PostgresOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config: Config = self.connection.parse().unwrap_or_default();
        write!(f, "PostgresOut({:?} {:?})", config.get_hosts(), config.get_dbname())
    }
}

/// The consumer.
pub(super) struct Postgres {
    name: String,
    settings: PostgresOut,
    shelf: Shelf,
    client: Option<Client>,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("name", &self.name).field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Postgres {
    pub(super) fn new(name: &str, settings: PostgresOut, dir: &Path) -> Postgres {
        Postgres { name: name.to_owned(), settings, shelf: Shelf::new(dir, name), client: None }
    }

    fn connect(&self) -> Result<Client, postgres::Error> {
        let mut config: Config = self.settings.connection.parse()?;
        config.connect_timeout(PATIENCE).tcp_user_timeout(SILENCE).application_name("turno");
        let limit = format!("SET statement_timeout = {}; SET lock_timeout = {0}", PATIENCE.as_millis());
        let mut client = config.connect(NoTls)?;
        client.batch_execute(&limit)?;
        client.batch_execute(SCHEMA)?;
        Ok(client)
    }

    /// Runs `run` in a transaction; a connection that failed is made anew next time.
    fn transact(
        &mut self,
        run: impl FnOnce(&mut Transaction<'_>) -> Result<(), postgres::Error>,
    ) -> Result<(), Trouble> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => self.connect().map_err(|error| Trouble::Passing(error.into()))?,
        };
        let go = || {
            let mut transaction = client.transaction()?;
            run(&mut transaction)?;
            transaction.commit()
        };
        let done = go();
        if !client.is_closed() {
            self.client = Some(client);
        }
        done.map_err(judge)
    }
}

/// The server refuses what is in a record (class 22, data; class 23, a constraint); everything else may pass: somebody mends
/// the table, the right, the disk or the network.
fn judge(error: postgres::Error) -> Trouble {
    let is_about_data = |code: &SqlState| code.code().starts_with("22") || code.code().starts_with("23");
    match error.code().is_some_and(is_about_data) {
        true => Trouble::Refused(error.as_db_error().map_or("it was refused", DbError::message).to_owned().into()),
        false => Trouble::Passing(error.into()),
    }
}

fn set_place(transaction: &mut Transaction<'_>, name: &str, at: Place) -> Result<(), postgres::Error> {
    let (segment, offset) = (int(at.segment), int(at.offset));
    let set = "INSERT INTO turno_place VALUES ($1, $2, $3)
      ON CONFLICT (consumer) DO UPDATE SET segment = excluded.segment, byte = excluded.byte";
    transaction.execute(set, &[&name, &segment, &offset]).map(drop)
}

fn insert(transaction: &mut Transaction<'_>, seq: u32, record: &Record) -> Result<(), postgres::Error> {
    let (queue, agent) = (record.queue(), record.agent());
    let values: [&(dyn ToSql + Sync); 19] = [
        &record.call.to_string(),
        &i32::try_from(seq).unwrap_or(i32::MAX),
        &record.direction.as_str(),
        &record.purpose.as_str(),
        &format::number(&record.ani),
        &format::number(&record.dnis),
        &record.customer,
        &record.segment.map(|segment| segment.to_string()),
        &queue.map(|queue| queue.to_string()),
        &agent.map(|agent| agent.to_string()),
        &record.arrived.0,
        &record.ended.0,
        &int(record.total_ms),
        &int(record.wait_ms()),
        &int(record.talk_ms()),
        &int(record.hold_ms()),
        &record.outcome.as_str(),
        &format::by(record.by),
        &format::json(record),
    ];
    transaction.execute(INSERT, &values).map(drop)
}

impl Consumer for Postgres {
    fn wants(&self) -> Wants {
        Wants { records: true, facts: false, beats: false }
    }

    fn place(&mut self) -> Result<Place, Trouble> {
        let name = self.name.clone();
        let mut place = Place::default();
        self.transact(|transaction| {
            let row = transaction.query_opt("SELECT segment, byte FROM turno_place WHERE consumer = $1", &[&name])?;
            if let Some(row) = row {
                let (segment, offset): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
                place = Place { segment: segment.unsigned_abs(), offset: offset.unsigned_abs() };
            }
            Ok(())
        })?;
        Ok(place)
    }

    fn take(&mut self, items: &[Item]) -> Result<(), Trouble> {
        let Some(last) = items.last() else { return Ok(()) };
        let name = self.name.clone();
        self.transact(|transaction| {
            for item in items {
                if let Content::Record { seq, record } = &item.content {
                    insert(transaction, *seq, record)?;
                }
            }
            set_place(transaction, &name, last.at)
        })
    }

    fn set_aside(&mut self, item: &Item, reason: &str) -> Result<(), Trouble> {
        self.shelf.set_aside(item, reason)?;
        self.pass(item.at)
    }

    fn pass(&mut self, to: Place) -> Result<(), Trouble> {
        let name = self.name.clone();
        self.transact(|transaction| set_place(transaction, &name, to))
    }

    fn again(&mut self, log: &Path) -> Result<bool, Trouble> {
        self.shelf.clone().again(log, |item| match &item.content {
            Content::Record { seq, record } => self.transact(|transaction| insert(transaction, *seq, record)),
            Content::Facts { .. } | Content::Beat(_) | Content::Unreadable(_) => Ok(()),
        })
    }

    fn retry_max(&self) -> Duration {
        RETRY_MAX
    }
}

/// PostgreSQL's integers have a sign; no duration or place comes near it.
fn int(of: u64) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}
