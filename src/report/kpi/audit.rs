//! The self-audit: identities that must hold between what was stored of a day in several ways
//! (docs/figures.md, docs/records.md). A difference names the calls.

use std::collections::{BTreeMap, BTreeSet};

use turno_base::{CallId, QueueId};

use super::entry::Entry;
use super::quarter::Quarter;
use super::tally::{Key, Tally};

/// Most calls that one difference names.
pub const CALLS_NAMED_MAX: usize = 20;

/// What must be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// Entries = the sum over their outcomes + those that wait.
    EnteredIsOutcomes,
    /// The counts of a quarter = the entries that it keeps.
    CountsAreEntries,
    /// Offers = the sum over their ends + those under way.
    OffersAreEnds,
    /// A stay that ended is one of a call that has a record.
    EntriesHaveRecords,
    /// The stays in queues of the records = the entries of the figures.
    EntriesAreRecords,
    /// A call's record says answered if and only if an agent answered it.
    AnsweredIsRecorded,
    /// The segments of a leg are as long as the leg.
    SegmentsAreLeg,
    /// What a call costs is the sum of its legs.
    CostsAreLegs,
    /// Everything else that holds of a record by itself, with the log and with what rating again posted to it.
    RecordsAreSound,
}

impl Identity {
    /// All of them.
    pub const ALL: [Identity; 9] = [
        Identity::EnteredIsOutcomes,
        Identity::CountsAreEntries,
        Identity::OffersAreEnds,
        Identity::EntriesHaveRecords,
        Identity::EntriesAreRecords,
        Identity::AnsweredIsRecorded,
        Identity::SegmentsAreLeg,
        Identity::CostsAreLegs,
        Identity::RecordsAreSound,
    ];

    /// The label in metrics and the words in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Identity::EnteredIsOutcomes => "entered_is_outcomes",
            Identity::CountsAreEntries => "counts_are_entries",
            Identity::OffersAreEnds => "offers_are_ends",
            Identity::EntriesHaveRecords => "entries_have_records",
            Identity::EntriesAreRecords => "entries_are_records",
            Identity::AnsweredIsRecorded => "answered_is_recorded",
            Identity::SegmentsAreLeg => "segments_are_leg",
            Identity::CostsAreLegs => "costs_are_legs",
            Identity::RecordsAreSound => "records_are_sound",
        }
    }
}

/// One that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which.
    pub identity: Identity,
    /// Where.
    pub quarter: Option<Quarter>,
    /// Where.
    pub queue: Option<QueueId>,
    /// In words, with both numbers.
    pub what: String,
    /// Calls that it is about, at most 20.
    pub calls: Vec<CallId>,
}

/// What the audit goes by.
#[derive(Debug, Default)]
pub struct Audited {
    /// Counts of the day.
    pub tallies: BTreeMap<Key, Tally>,
    /// Entries of the day.
    pub entries: Vec<Entry>,
    /// Entries after the day, some of which belong to its calls.
    pub later: Vec<Entry>,
    /// Records of the day's calls that have ended.
    pub recorded: BTreeMap<CallId, Recorded>,
    /// Calls that are over for so long that their record must be among `recorded`. Those whose record may be gone, or is there
    /// and not compared, are not among them.
    pub owing: BTreeSet<CallId>,
}

/// What the audit must know of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Stays in queues.
    pub stays: u32,
    /// One of them was answered by an agent.
    pub answered: bool,
    /// The segments of each leg are as long as the leg.
    pub is_partitioned: bool,
    /// Costs are the sums of the legs' charges.
    pub adds_up: bool,
}

/// Compares; nothing: every identity holds.
pub fn audit(of: &Audited) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut kept: BTreeMap<Key, Kept> = BTreeMap::new();
    let mut by_call: BTreeMap<CallId, (u32, bool)> = BTreeMap::new();
    for entry in &of.entries {
        kept.entry(entry.key).or_default().add(entry);
    }
    for entry in of.entries.iter().chain(&of.later) {
        let seen = by_call.entry(entry.call).or_default();
        seen.0 += 1;
        seen.1 |= entry.agent.is_some();
    }
    for (key, tally) in &of.tallies {
        within_tally(*key, tally, kept.remove(key).unwrap_or_default(), &mut found);
    }
    for (key, kept) in kept {
        let what = format!("{} entries are kept where nothing was counted", kept.calls.len());
        found.push(difference(Identity::CountsAreEntries, key, what, kept.calls));
    }
    without_record(of, &mut found);
    against_records(&by_call, &of.recorded, &mut found);
    found
}

#[derive(Debug, Default)]
struct Kept {
    waiting: u64,
    sum: Tally,
    calls: Vec<CallId>,
}

impl Kept {
    fn add(&mut self, entry: &Entry) {
        self.waiting += u64::from(entry.left.is_none());
        self.sum.merge(&entry.tally());
        self.calls.push(entry.call);
    }
}

/// What stays add up to in the same way in which they are counted.
fn comparable(of: &Tally) -> Vec<(&'static str, u64)> {
    const EQUAL: [&str; 21] = [
        "entered",
        "answered",
        "answered_in_time",
        "abandoned",
        "abandoned_in_time",
        "short_abandoned",
        "overflowed",
        "callback_taken",
        "callback_in_time",
        "timed_out",
        "withdrawn",
        "empty",
        "failed",
        "exit_key",
        "flowed_in_time",
        "handled",
        "disposition_due",
        "disposition_said",
        "value_offered",
        "value_in_time",
        "value_abandoned",
    ];
    let mut counts = of.counts.named();
    counts.retain(|(name, _)| EQUAL.contains(name));
    counts.push(("wait of answered, ms", of.wait_answered.sum_ms()));
    counts.push(("wait of abandoned, ms", of.wait_abandoned.sum_ms()));
    counts
}

fn difference(identity: Identity, key: Key, what: String, mut calls: Vec<CallId>) -> Difference {
    calls.truncate(CALLS_NAMED_MAX);
    Difference { identity, quarter: Some(key.quarter), queue: key.queue, what, calls }
}

fn within_tally(key: Key, tally: &Tally, kept: Kept, found: &mut Vec<Difference>) {
    let c = &tally.counts;
    let waiting = kept.waiting;
    if key.queue.is_some() {
        if c.entered != tally.ended() + waiting {
            let what = format!("{} entered, {} ended and {waiting} wait", c.entered, tally.ended());
            found.push(difference(Identity::EnteredIsOutcomes, key, what, kept.calls.clone()));
        }
        let pairs = comparable(tally).into_iter().zip(comparable(&kept.sum));
        let differing = pairs.filter(|((_, counted), (_, kept))| counted != kept);
        let words: Vec<String> =
            differing.map(|((name, counted), (_, kept))| format!("{name}: {counted} counted, {kept} kept")).collect();
        if !words.is_empty() {
            found.push(difference(Identity::CountsAreEntries, key, words.join("; "), kept.calls.clone()));
        }
    }
    let (offers, ended) = (c.offered.offers, c.offered.ended());
    if offers != ended && !(waiting > 0 && offers > ended) {
        let what = format!("{offers} offers, {ended} ended");
        found.push(difference(Identity::OffersAreEnds, key, what, kept.calls));
    }
}

fn without_record(of: &Audited, found: &mut Vec<Difference>) {
    let ended = of.entries.iter().filter(|entry| entry.left.is_some()).map(|entry| entry.call);
    let missing: BTreeSet<CallId> =
        ended.filter(|call| of.owing.contains(call) && !of.recorded.contains_key(call)).collect();
    if missing.is_empty() {
        return;
    }
    let what = format!("{} calls waited and have no record", missing.len());
    let calls = missing.into_iter().take(CALLS_NAMED_MAX).collect();
    found.push(Difference { identity: Identity::EntriesHaveRecords, quarter: None, queue: None, what, calls });
}

fn against_records(
    by_call: &BTreeMap<CallId, (u32, bool)>,
    recorded: &BTreeMap<CallId, Recorded>,
    found: &mut Vec<Difference>,
) {
    let mut differing: BTreeMap<Identity, Vec<CallId>> = BTreeMap::new();
    for (call, record) in recorded {
        let (entries, by_agent) = by_call.get(call).copied().unwrap_or_default();
        for (holds, identity) in [
            (entries == record.stays, Identity::EntriesAreRecords),
            (by_agent == record.answered, Identity::AnsweredIsRecorded),
            (record.is_partitioned, Identity::SegmentsAreLeg),
            (record.adds_up, Identity::CostsAreLegs),
        ] {
            if !holds {
                differing.entry(identity).or_default().push(*call);
            }
        }
    }
    for (identity, mut calls) in differing {
        let what = format!("{} calls of which it does not hold", calls.len());
        calls.truncate(CALLS_NAMED_MAX);
        found.push(Difference { identity, quarter: None, queue: None, what, calls });
    }
}
