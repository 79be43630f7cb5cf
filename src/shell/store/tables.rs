//! The SQLite tables of records, and how a record becomes their rows. Reports and people read them; times are
//! microseconds since 1970 UTC, amounts are integers at `scale`.

use std::collections::BTreeSet;

use rusqlite::{Connection, Error, OptionalExtension, params};
use turno_base::fact::{AgentState, Fact, What};
use turno_base::{AgentId, Money, Name, Wall};
use turno_tariff::cdr::{Brief, Charge, Leg, Offer, Record, Stage, Stay, Wrap, format, former};

use super::log::Place;
use super::migrate::Step;

/// Of the tables and of the serialised record beside them.
pub(super) const VERSION: u32 = 6;
/// The version before: its records are read as they are, its tables have a way to this one. Those of earlier ones are made again from
/// the log.
const OLDEST: u32 = 5;
pub(super) const STEPS: &[Step] = &[Step {
    from: OLDEST,
    run: |db| {
        db.execute_batch(
            "ALTER TABLE legs ADD COLUMN local_tag TEXT NOT NULL DEFAULT '';
             ALTER TABLE legs ADD COLUMN remote_tag TEXT NOT NULL DEFAULT '';",
        )
    },
}];

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS cursor (id INTEGER PRIMARY KEY CHECK (id = 1), segment INTEGER NOT NULL, offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS calls (
  call TEXT PRIMARY KEY, seq INTEGER NOT NULL, direction TEXT NOT NULL, purpose TEXT NOT NULL,
  ani TEXT NOT NULL, dnis TEXT NOT NULL, number_type TEXT, withheld INTEGER NOT NULL, trunk TEXT, customer TEXT, segment TEXT, value_pm INTEGER,
  queue TEXT, agent TEXT, arrived_us INTEGER NOT NULL, ended_us INTEGER NOT NULL, total_ms INTEGER NOT NULL,
  wait_ms INTEGER NOT NULL, talk_ms INTEGER NOT NULL, hold_ms INTEGER NOT NULL, outcome TEXT NOT NULL, disposition TEXT, ended_by TEXT NOT NULL,
  sip INTEGER, q850 INTEGER, reason TEXT, recovered INTEGER NOT NULL, estimated INTEGER NOT NULL, left_out INTEGER NOT NULL,
  config_revision INTEGER NOT NULL, version INTEGER NOT NULL, record BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS calls_arrived ON calls (arrived_us);
CREATE INDEX IF NOT EXISTS calls_ani ON calls (ani, arrived_us);
CREATE INDEX IF NOT EXISTS calls_dnis ON calls (dnis, arrived_us);
CREATE INDEX IF NOT EXISTS calls_customer ON calls (customer, arrived_us);
CREATE TABLE IF NOT EXISTS legs (
  call TEXT NOT NULL, leg INTEGER NOT NULL, name TEXT NOT NULL, party TEXT NOT NULL, agent TEXT, station TEXT, trunk TEXT,
  sip_call_id TEXT NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL, began_us INTEGER NOT NULL, rang_us INTEGER,
  answered_us INTEGER, ended_us INTEGER NOT NULL, ring_ms INTEGER NOT NULL, talk_ms INTEGER NOT NULL, total_ms INTEGER NOT NULL,
  sip INTEGER NOT NULL, q850 INTEGER NOT NULL, reason TEXT NOT NULL, ended_by TEXT NOT NULL, codec TEXT, mos_x100 INTEGER,
  jitter_us INTEGER, round_trip_us INTEGER, lost INTEGER, received INTEGER, sent INTEGER,
  local_tag TEXT NOT NULL DEFAULT '', remote_tag TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (call, leg)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segments (
  call TEXT NOT NULL, leg INTEGER NOT NULL, n INTEGER NOT NULL, kind TEXT NOT NULL, queue TEXT, agent TEXT, prompt TEXT,
  at_us INTEGER NOT NULL, ms INTEGER NOT NULL, PRIMARY KEY (call, leg, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS charges (
  call TEXT NOT NULL, leg INTEGER NOT NULL, payer TEXT NOT NULL, status TEXT NOT NULL, net INTEGER, tax INTEGER, gross INTEGER,
  scale INTEGER, currency TEXT, rate TEXT, valid_from_us INTEGER, revision INTEGER, billed_ms INTEGER NOT NULL,
  PRIMARY KEY (call, leg, payer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segment_shares (
  call TEXT NOT NULL, leg INTEGER NOT NULL, n INTEGER NOT NULL, payer TEXT NOT NULL, net INTEGER NOT NULL,
  PRIMARY KEY (call, leg, n, payer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offers (
  call TEXT NOT NULL, n INTEGER NOT NULL, queue TEXT NOT NULL, agent TEXT NOT NULL, epoch INTEGER NOT NULL,
  at_us INTEGER NOT NULL, ended TEXT, ring_ms INTEGER NOT NULL, config_revision INTEGER NOT NULL, PRIMARY KEY (call, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queue_entries (
  call TEXT NOT NULL, n INTEGER NOT NULL, queue TEXT NOT NULL, entered_us INTEGER NOT NULL, position INTEGER NOT NULL,
  left TEXT NOT NULL, left_position INTEGER NOT NULL, wait_ms INTEGER NOT NULL, PRIMARY KEY (call, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wraps (
  call TEXT NOT NULL, agent TEXT NOT NULL, at_us INTEGER NOT NULL, mono_us INTEGER NOT NULL, ms INTEGER,
  PRIMARY KEY (call, agent, at_us)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS wraps_open ON wraps (agent) WHERE ms IS NULL;
CREATE TABLE IF NOT EXISTS refused (
  segment INTEGER NOT NULL, offset INTEGER NOT NULL, call TEXT, seq INTEGER, reason TEXT NOT NULL, frame BLOB NOT NULL,
  PRIMARY KEY (segment, offset)) WITHOUT ROWID;
";

/// What came of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    /// It is there now.
    New,
    /// The very same was there before.
    Again,
    /// Another record of the same call was there before: the first holds.
    Different,
}

/// Makes the tables. A database of another version is refused, not changed.
pub(super) fn create(db: &Connection) -> rusqlite::Result<Result<(), u32>> {
    let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != 0 && version != VERSION {
        return Ok(Err(version));
    }
    db.execute_batch(SCHEMA)?;
    db.pragma_update(None, "user_version", VERSION)?;
    Ok(Ok(()))
}

/// How far the log was taken in.
pub(super) fn cursor(db: &Connection) -> rusqlite::Result<Place> {
    let place = db.query_row("SELECT segment, offset FROM cursor", [], |row| {
        Ok(Place { segment: row.get::<_, i64>(0)? as u64, offset: row.get::<_, i64>(1)? as u64 })
    });
    place.optional().map(Option::unwrap_or_default)
}

/// Part of the transaction that takes in what lies before.
pub(super) fn set_cursor(db: &Connection, place: Place) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO cursor VALUES (1, ?, ?)")?
        .execute(params![place.segment as i64, place.offset as i64])
        .map(drop)
}

/// Sets a frame aside that cannot be taken in.
pub(super) fn refuse(
    db: &Connection,
    at: Place,
    row: Option<(&str, u32)>,
    reason: &str,
    frame: &[u8],
) -> rusqlite::Result<()> {
    let (call, seq) = row.unzip();
    db.prepare_cached("INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?, ?)")?
        .execute(params![at.segment as i64, at.offset as i64, call, seq, reason, frame])
        .map(drop)
}

/// Takes in a record and all its parts.
pub(super) fn insert(db: &Connection, seq: u32, record: &Record) -> rusqlite::Result<Inserted> {
    let call = record.call.to_string();
    let bytes = postcard::to_allocvec(record).map_err(|error| Error::ToSqlConversionFailure(error.into()))?;
    if !insert_call(db, &call, seq, record, &bytes)? {
        let there: Option<Record> = db
            .prepare_cached("SELECT version, record FROM calls WHERE call = ?")?
            .query_row([call], |row| Ok(read(row.get(0)?, row.get_ref(1)?.as_blob()?)))?;
        return Ok(if there.as_ref() == Some(record) { Inserted::Again } else { Inserted::Different });
    }
    for (n, leg) in (0_i64..).zip(&record.legs) {
        insert_leg(db, &call, n, leg)?;
        for (at, stage) in (0_i64..).zip(&leg.stages) {
            insert_stage(db, &call, n, at, stage, &leg.charges)?;
        }
        for charge in &leg.charges {
            insert_charge(db, &call, n, charge)?;
        }
    }
    for (n, offer) in (0_i64..).zip(&record.offers) {
        insert_offer(db, &call, n, offer)?;
    }
    for (n, stay) in (0_i64..).zip(&record.stays) {
        insert_stay(db, &call, n, stay)?;
    }
    Ok(Inserted::New)
}

/// A record as it was taken in; none if a version wrote it that is not carried forward.
pub(super) fn read(version: u32, bytes: &[u8]) -> Option<Record> {
    match version {
        VERSION => postcard::from_bytes(bytes).ok(),
        OLDEST => postcard::from_bytes::<former::Record>(bytes).ok().map(former::Record::now),
        _ => None,
    }
}

/// The same as far as rating again goes; what else a record has is not read.
pub(super) fn brief(version: u32, bytes: &[u8]) -> Option<Brief> {
    match version {
        VERSION => postcard::from_bytes(bytes).ok(),
        _ => read(version, bytes).as_ref().map(Brief::from),
    }
}

/// Agents in wrap-up as far as the tables know.
pub(super) fn wrapping(db: &Connection) -> rusqlite::Result<BTreeSet<AgentId>> {
    let mut select = db.prepare("SELECT DISTINCT agent FROM wraps WHERE ms IS NULL")?;
    let agents = select.query_map([], |row| row.get::<_, String>(0))?;
    agents.filter_map(|agent| agent.map(|agent| AgentId::new(&agent).ok()).transpose()).collect()
}

/// Whether [`learn`] does anything with it. Agents change several times a call; only a wrap-up that begins or ends is news.
pub(super) fn is_news(fact: &Fact, wrapping: &BTreeSet<AgentId>) -> bool {
    match &fact.what {
        What::Disposed { .. } => true,
        What::AgentChanged { agent, state, .. } => *state == AgentState::WrapUp || wrapping.contains(agent),
        _ => false,
    }
}

/// What is said and done about a call after its record was closed. The same again changes nothing.
pub(super) fn learn(db: &Connection, fact: &Fact, wrapping: &mut BTreeSet<AgentId>) -> rusqlite::Result<()> {
    if !is_news(fact, wrapping) {
        return Ok(());
    }
    match &fact.what {
        What::Disposed { call, disposition, .. } => db
            .prepare_cached("UPDATE calls SET disposition = ? WHERE call = ?")?
            .execute(params![disposition.as_str(), call.to_string()])
            .map(drop),
        What::AgentChanged { agent, state, call, .. } => {
            let mono_us = int(fact.at.mono.0);
            db.prepare_cached("UPDATE wraps SET ms = max(0, ? - mono_us) / 1000 WHERE agent = ? AND ms IS NULL")?
                .execute(params![mono_us, agent.as_str()])?;
            wrapping.remove(agent);
            match (state, call) {
                (AgentState::WrapUp, Some(call)) if wrapping.insert(*agent) => db
                    .prepare_cached("INSERT OR REPLACE INTO wraps VALUES (?, ?, ?, ?, NULL)")?
                    .execute(params![call.to_string(), agent.as_str(), fact.at.wall.0, mono_us])
                    .map(drop),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// What the tables know beyond the record as it was taken in.
pub(super) fn complete(db: &Connection, record: &mut Record, disposition: Option<String>) -> rusqlite::Result<()> {
    record.disposition = disposition.and_then(|name| Name::new(&name).ok()).or(record.disposition);
    let mut select = db.prepare_cached("SELECT agent, at_us, ms FROM wraps WHERE call = ? ORDER BY at_us, agent")?;
    let wraps = select.query_map([record.call.to_string()], |row| {
        let agent: String = row.get(0)?;
        let ms: Option<i64> = row.get(2)?;
        Ok((agent, Wall(row.get(1)?), ms.map(i64::unsigned_abs)))
    })?;
    for wrap in wraps {
        let (agent, at, ms) = wrap?;
        record.wraps.extend(AgentId::new(&agent).ok().map(|agent| Wrap { agent, at, ms }));
    }
    Ok(())
}

/// Adds the row of the call itself. False: it is there.
pub(super) fn insert_call(
    db: &Connection,
    call: &str,
    seq: u32,
    record: &Record,
    bytes: &[u8],
) -> rusqlite::Result<bool> {
    let mut insert = db.prepare_cached(
        "INSERT OR IGNORE INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let (queue, agent) = (record.queue(), record.agent());
    let changed = insert.execute(params![
        call,
        seq,
        record.direction.as_str(),
        record.purpose.as_str(),
        format::number(&record.ani),
        format::number(&record.dnis),
        record.dnis_type.map(|kind| kind.as_str()),
        record.ani.withheld,
        name(&record.trunk),
        record.customer,
        name(&record.segment),
        record.value_pm,
        name(&queue),
        name(&agent),
        record.arrived.0,
        record.ended.0,
        int(record.total_ms),
        int(record.wait_ms()),
        int(record.talk_ms()),
        int(record.hold_ms()),
        record.outcome.as_str(),
        name(&record.disposition),
        format::by(record.by),
        record.cause.map(|cause| cause.sip),
        record.cause.map(|cause| cause.q850),
        record.cause.map(|cause| cause.reason.as_str()),
        record.recovered,
        record.estimated,
        record.left_out,
        int(record.config_revision),
        VERSION,
        bytes,
    ])?;
    Ok(changed == 1)
}

fn insert_leg(db: &Connection, call: &str, n: i64, leg: &Leg) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO legs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let party = format::party_parts(leg.party);
    let quality = leg.quality;
    let us = |at: Option<Wall>| at.map(|at| at.0);
    insert.execute(params![
        call,
        n,
        leg.leg.to_string(),
        party.kind,
        name(&party.agent),
        name(&party.station),
        name(&party.trunk),
        leg.sip_call_id,
        format::number(&leg.a),
        format::number(&leg.b),
        leg.began.0,
        us(leg.rang),
        us(leg.answered),
        leg.ended.0,
        int(leg.ring_ms),
        int(leg.talk_ms),
        int(leg.total_ms),
        leg.cause.sip,
        leg.cause.q850,
        leg.cause.reason.as_str(),
        format::by(leg.by),
        quality.and_then(|q| q.codec).map(|codec| codec.as_str()),
        quality.map(|q| q.mos_x100),
        quality.map(|q| q.jitter_us),
        quality.map(|q| q.round_trip_us),
        quality.map(|q| int(q.lost)),
        quality.map(|q| int(q.received)),
        quality.map(|q| int(q.sent)),
        leg.local_tag,
        leg.remote_tag,
    ])?;
    Ok(())
}

fn insert_stage(
    db: &Connection,
    call: &str,
    leg: i64,
    n: i64,
    stage: &Stage,
    charges: &[Charge],
) -> rusqlite::Result<()> {
    let parts = format::segment_parts(stage.segment);
    let (queue, agent, prompt) = (name(&parts.queue), name(&parts.agent), name(&parts.prompt));
    db.prepare_cached("INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(params![
        call,
        leg,
        n,
        parts.kind,
        queue,
        agent,
        prompt,
        stage.at.0,
        int(stage.ms)
    ])?;
    for (charge, &units) in charges.iter().zip(&stage.shares).filter(|&(_, &units)| units != 0) {
        db.prepare_cached("INSERT INTO segment_shares VALUES (?, ?, ?, ?, ?)")?.execute(params![
            call,
            leg,
            n,
            charge.payer.0.as_str(),
            units
        ])?;
    }
    Ok(())
}

fn insert_charge(db: &Connection, call: &str, leg: i64, charge: &Charge) -> rusqlite::Result<()> {
    let rated = &charge.rated;
    let units = |money: Option<Money>| money.map(|money| money.units);
    let rate = rated.rate.as_ref().map(|rate| rate.as_str());
    db.prepare_cached("INSERT INTO charges VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(params![
        call,
        leg,
        charge.payer.0.as_str(),
        rated.status.as_str(),
        units(rated.net),
        units(rated.tax),
        units(rated.gross),
        rated.net.map(|net| net.scale),
        rated.net.as_ref().map(|net| net.currency.as_str()),
        rate,
        rated.version.map(|(from, _)| from.0),
        rated.version.map(|(_, revision)| revision),
        int(rated.billed_ms),
    ])?;
    Ok(())
}

fn insert_offer(db: &Connection, call: &str, n: i64, offer: &Offer) -> rusqlite::Result<()> {
    let end = offer.end.map(|end| end.as_str());
    let (queue, agent) = (offer.queue.as_str(), offer.agent.as_str());
    db.prepare_cached("INSERT INTO offers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            call,
            n,
            queue,
            agent,
            int(offer.epoch),
            offer.at.0,
            end,
            int(offer.ring_ms),
            int(offer.config_revision)
        ])
        .map(drop)
}

fn insert_stay(db: &Connection, call: &str, n: i64, stay: &Stay) -> rusqlite::Result<()> {
    let (queue, left) = (stay.queue.as_str(), stay.left.as_str());
    db.prepare_cached("INSERT INTO queue_entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![call, n, queue, stay.entered.0, stay.position, left, stay.left_position, int(stay.wait_ms)])
        .map(drop)
}

fn name<T: ToString>(of: &Option<T>) -> Option<String> {
    of.as_ref().map(ToString::to_string)
}

/// SQLite's integers have a sign; no duration or count comes near it.
fn int(of: u64) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}
