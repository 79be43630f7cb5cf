//! `queue_log` and `Master.csv` of seeded days, read the way Asterisk's readers do, say what the records say.

use std::collections::BTreeMap;
use std::time::Duration;

use turno_base::fact::{OfferEnd, Party, QueueLeft, Segment};
use turno_base::{AgentId, Wall};
use turno_tariff::cdr::format::{QueueLog, Serving, asterisk_id, master_csv};
use turno_tariff::cdr::{Record, Stage, Stay};

use super::day;

/// Days read.
const DAYS: u64 = 12;

/// A line: its event, agent and parameters.
#[derive(Debug)]
struct Said<'a> {
    event: &'a str,
    agent: &'a str,
    of: Vec<&'a str>,
}

/// What a reader knows of one stay, by call id and queue.
type Stays<'a> = BTreeMap<(&'a str, &'a str), Vec<Said<'a>>>;

/// Lines by call id and queue, in their order. Lines about agents and the program have no call id.
fn read(log: &str) -> Stays<'_> {
    let mut stays = Stays::new();
    let mut before = 0_i64;
    for line in log.lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let [epoch, id, queue, agent, event, of @ ..] = &fields[..] else { panic!("{line}") };
        let epoch: i64 = epoch.parse().unwrap();
        assert!(epoch >= before, "time goes on: {line}");
        before = epoch;
        if *id != "NONE" && *queue != "NONE" {
            assert!(id.len() <= 30, "{line}");
            stays.entry((id, queue)).or_default().push(Said { event, agent, of: of.to_vec() });
        }
    }
    stays
}

fn is_final(event: &str) -> bool {
    event.starts_with("COMPLETE")
        || event.starts_with("EXIT")
        || event.ends_with("TRANSFER")
        || event == "ABANDON"
        || event == "WITHDRAW"
}

/// One entry, at most one connection, one end, in this order.
fn check_order(stays: &Stays<'_>) {
    for (of, events) in stays {
        let at = |wanted: &dyn Fn(&str) -> bool| -> Vec<usize> {
            (0..).zip(events).filter(|(_, said)| wanted(said.event)).map(|(at, _)| at).collect()
        };
        let (entries, ends) = (at(&|event| event == "ENTERQUEUE"), at(&is_final));
        assert_eq!((entries, ends), (vec![0], vec![events.len() - 1]), "{of:?}: {events:?}");
        let connects = at(&|event| event == "CONNECT");
        let is_talk = |said: &Said<'_>| said.event.starts_with("COMPLETE") || said.event.ends_with("TRANSFER");
        let talked = events.last().is_some_and(is_talk);
        assert_eq!(connects.len(), usize::from(talked), "{of:?}: {events:?}");
    }
}

/// The instant at which a stay ended.
fn left_at(stay: &Stay) -> Wall {
    stay.entered + Duration::from_millis(stay.wait_ms)
}

/// How long the record says that an agent had the caller, from a stay to whatever came after it: ms, and of how many parts. What lies
/// between two of his parts (ringing at another telephone of his) is of it, as for whoever reads the log.
fn talk_of(record: &Record, stay: &Stay, agent: AgentId) -> (u64, u64) {
    let until = record.stays.iter().map(|other| other.entered).filter(|at| *at > stay.entered).min();
    // A colleague who called the queue from his telephone is no customer: his leg is the one that arrived.
    let stages = record.caller().or(record.legs.first()).map_or(&[][..], |leg| &leg.stages).iter();
    let after = stages.filter(|stage| stage.at >= left_at(stay) && until.is_none_or(|until| stage.at < until));
    let is_his = |stage: &&Stage| matches!(stage.segment, Segment::Talk(of) | Segment::Hold(of) | Segment::Consult(of) if of == agent);
    let parts: Vec<&Stage> = after.skip_while(|stage| !is_his(stage)).collect();
    let until_last = parts.iter().rposition(is_his).map_or(0, |last| last + 1);
    let ms = parts.iter().take(until_last).map(|stage| stage.ms).sum();
    (ms, until_last as u64)
}

/// Offers of a stay that were not taken: agent, event and how long they rang, ms, sorted.
fn missed(record: &Record, stay: &Stay) -> Vec<(String, &'static str, String)> {
    let of_stay = record
        .offers
        .iter()
        .filter(|offer| offer.queue == stay.queue && offer.at >= stay.entered && offer.at <= left_at(stay));
    let mut missed: Vec<_> = of_stay
        .filter_map(|offer| {
            let event = match offer.end? {
                OfferEnd::Accepted => return None,
                OfferEnd::Declined | OfferEnd::RingNoAnswer | OfferEnd::Busy | OfferEnd::Unreachable => "RINGNOANSWER",
                OfferEnd::CallerLeft | OfferEnd::LostRace => "RINGCANCELED",
            };
            Some((offer.agent.to_string(), event, offer.ring_ms.to_string()))
        })
        .collect();
    missed.sort();
    missed
}

/// Agent, ring and conversation of a stay that an agent answered.
fn check_answered(record: &Record, stay: &Stay, agent: AgentId, events: &[Said<'_>]) {
    let connect = events.iter().find(|said| said.event == "CONNECT").unwrap();
    let last = events.last().unwrap();
    assert_eq!((connect.agent, last.agent), (agent.as_str(), agent.as_str()), "{}: {events:?}", record.call);
    assert_eq!(connect.of[0], (stay.wait_ms / 1000).to_string(), "{}: {events:?}", record.call);
    let mut taken = record.offers.iter().filter(|offer| {
        offer.agent == agent
            && offer.queue == stay.queue
            && offer.end == Some(OfferEnd::Accepted)
            && offer.at <= left_at(stay)
    });
    let ring_ms = taken.next_back().map_or(0, |offer| offer.ring_ms);
    assert_eq!(connect.of[2], (ring_ms / 1000).to_string(), "{}: {events:?}", record.call);
    let [.., hold, talk, first] = last.of[..] else { panic!("{}: {events:?}", record.call) };
    assert_eq!((hold, first), (connect.of[0], &*stay.position.to_string()), "{}: {events:?}", record.call);
    // Each part of the record is whole ms, so that their sum may be that many ms short.
    let (ms, parts) = talk_of(record, stay, agent);
    let talk: u64 = talk.parse().unwrap();
    assert!((ms / 1000..=(ms + parts) / 1000).contains(&talk), "{}: {ms} ms, {events:?}", record.call);
}

fn check_stay(record: &Record, stay: &Stay, events: &[Said<'_>]) {
    let seconds = |ms: u64| (ms / 1000).to_string();
    let (first, wait) = (stay.position.to_string(), seconds(stay.wait_ms));
    assert_eq!(events[0].of[2], first, "{}: {events:?}", record.call);
    let rings = events.iter().filter(|said| said.event.starts_with("RING"));
    let mut rings: Vec<_> = rings.map(|said| (said.agent.to_owned(), said.event, said.of[0].to_owned())).collect();
    rings.sort();
    assert_eq!(rings, missed(record, stay), "{}: {events:?}", record.call);
    let Said { event: last, of, .. } = events.last().unwrap();
    match stay.left {
        QueueLeft::Answered(agent) => check_answered(record, stay, agent, events),
        QueueLeft::ExitKey => {
            let want = [&*stay.left_position.to_string(), &first, &wait];
            assert_eq!(of[1..], want, "{} {last}", record.call);
            assert!(of[0].len() == 1, "{} {last}: {of:?} names no key", record.call);
        }
        QueueLeft::CallbackTaken if *last == "EXITWITHKEY" => {
            assert!(of[0].len() == 1, "{} {last}: {of:?} names no key", record.call);
        }
        QueueLeft::CallbackTaken | QueueLeft::Withdrawn | QueueLeft::Failed => {}
        QueueLeft::Abandoned
        | QueueLeft::ShortAbandoned
        | QueueLeft::Overflowed
        | QueueLeft::TimedOut
        | QueueLeft::Empty => {
            let want = [&*stay.left_position.to_string(), &first, &wait];
            assert_eq!(of[..], want, "{} {last}", record.call);
        }
    }
}

#[test]
fn queue_log_and_master_csv_of_seeded_days_say_what_the_records_say() {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 1..=DAYS {
        let world = day::play(seed);
        let (mut fold, mut log) = (QueueLog::default(), String::new());
        world.facts.iter().for_each(|fact| fold.on_fact(fact, &Serving::new(), &mut log));
        let stays = read(&log);
        check_order(&stays);
        for said in stays.values().flatten() {
            *seen.entry(said.event.to_owned()).or_default() += 1;
        }
        let total: usize = world.records.iter().map(|record| record.stays.len()).sum();
        assert_eq!(stays.len(), total, "each stay of a record is one of the log's");
        for record in &world.records {
            // The first stay in each queue bears the id of the record; a later one in the same queue an id of its own.
            let mut queues = std::collections::BTreeSet::new();
            for stay in record.stays.iter().filter(|stay| queues.insert(stay.queue)) {
                let id = asterisk_id(record.call);
                let events = stays.get(&(id.as_str(), stay.queue.as_str()));
                check_stay(record, stay, events.unwrap_or_else(|| panic!("{id} in {}", stay.queue)));
            }
            check_master(record);
        }
    }
    println!("{seen:#?}");
    for event in [
        "ENTERQUEUE",
        "CONNECT",
        "COMPLETECALLER",
        "COMPLETEAGENT",
        "ABANDON",
        "EXITWITHTIMEOUT",
        "RINGNOANSWER",
        "RINGCANCELED",
    ] {
        assert!(seen.contains_key(event), "in no day: {event}");
    }
    assert!(seen.keys().any(|event| event.ends_with("TRANSFER")), "in no day: a transfer");
}

/// Fields by their place, numbers as numbers, times as local times, as readers of the file take them.
fn check_master(record: &Record) {
    let line = master_csv(record, &jiff::tz::TimeZone::UTC);
    let fields = fields(line.strip_suffix('\n').unwrap());
    let text =
        |at: usize| fields[at].strip_prefix('"').and_then(|f| f.strip_suffix('"')).unwrap().replace("\"\"", "\"");
    let number = |at: usize| fields[at].parse::<u64>().unwrap();
    assert_eq!(fields.len(), 18, "{line}");
    let caller = record.caller();
    assert_eq!((number(12), number(13)), (record.total_ms / 1000, caller.map_or(0, |leg| leg.talk_ms) / 1000));
    assert!(number(13) <= number(12), "{line}");
    let bare =
        |number: &turno_base::Number| number.e164.map_or_else(|| number.raw.clone(), |e164| e164.digits().to_owned());
    assert_eq!((text(1), text(2)), (bare(&record.ani), bare(&record.dnis)), "{line}");
    // A reader takes the number from between the angles.
    let shown = text(4).rsplit_once('<').map(|(_, number)| number.trim_end_matches('>').to_owned());
    let want = if record.ani.withheld { "anonymous".to_owned() } else { bare(&record.ani) };
    assert_eq!(shown, (!want.is_empty()).then_some(want), "{line}");
    // A channel names its technology and peer, then the leg in hexadecimal: the caller's, and one that he heard or that rang for him.
    let leg_of = |channel: &str| {
        let (peer, id) = channel.strip_prefix("PJSIP/").and_then(|rest| rest.rsplit_once('-')).expect("a channel");
        let id = turno_base::LegId(u64::from_str_radix(id, 16).unwrap());
        let leg = record.legs.iter().find(|leg| leg.leg == id).unwrap_or_else(|| panic!("{line}: no leg {id}"));
        assert_eq!(id_width(channel), 8, "{line}");
        let name = match leg.party {
            Party::Caller(trunk) => trunk.map_or_else(|| "station".to_owned(), |trunk| trunk.to_string()),
            Party::Outside(trunk) => trunk.to_string(),
            Party::Agent(_, station) | Party::Station(station) => station.to_string(),
        };
        assert_eq!(peer, name, "{line}");
        leg
    };
    assert_eq!(text(5).is_empty(), caller.is_none(), "{line}");
    if let Some(caller) = caller {
        assert_eq!(leg_of(&text(5)).leg, caller.leg, "{line}");
    }
    let others = || record.legs.iter().filter(|leg| !matches!(leg.party, Party::Caller(_)));
    assert_eq!(text(6).is_empty(), others().next().is_none(), "{line}");
    if !text(6).is_empty() {
        let far = leg_of(&text(6));
        assert!(!matches!(far.party, Party::Caller(_)), "{line}");
        assert!(far.answered.is_some() || others().all(|leg| leg.answered.is_none()), "{line}");
    }
    assert_eq!((text(16), text(17)), (asterisk_id(record.call), record.outcome.as_str().to_owned()));
    let answered = caller.and_then(|leg| leg.answered);
    assert_eq!(fields[10].is_empty(), answered.is_none(), "{line}");
    let epoch = |text: &str| {
        jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text)
            .unwrap()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .unwrap()
            .timestamp()
            .as_second()
    };
    assert_eq!((epoch(&text(9)), epoch(&text(11))), (record.arrived.as_secs(), record.ended.as_secs()));
    if let Some(at) = answered {
        assert_eq!(epoch(&text(10)), at.as_secs());
    }
    assert_eq!(text(7) == "Queue", record.queue().is_some());
}

fn id_width(channel: &str) -> usize {
    channel.rsplit_once('-').map_or(0, |(_, id)| id.len())
}

/// Split at commas outside of quotes.
fn fields(line: &str) -> Vec<&str> {
    let mut quoted = false;
    line.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .collect()
}
