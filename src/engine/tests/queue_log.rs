//! `queue_log` and `Master.csv` of seeded days, read the way Asterisk's readers do, say what the records say.

use std::collections::BTreeMap;

use turno_base::fact::QueueLeft;
use turno_tariff::cdr::format::{QueueLog, Serving, asterisk_id, master_csv};
use turno_tariff::cdr::{Record, Stay};

use super::day;

/// Days read.
const DAYS: u64 = 12;

/// What a reader knows of one stay: its lines' events and parameters.
type Stays<'a> = BTreeMap<(&'a str, &'a str), Vec<(&'a str, Vec<&'a str>)>>;

/// Lines by call id and queue, in their order. Lines about agents and the program have no call id.
fn read(log: &str) -> Stays<'_> {
    let mut stays = Stays::new();
    let mut before = 0_i64;
    for line in log.lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let [epoch, id, queue, _agent, event, of @ ..] = &fields[..] else { panic!("{line}") };
        let epoch: i64 = epoch.parse().unwrap();
        assert!(epoch >= before, "time goes on: {line}");
        before = epoch;
        if *id != "NONE" && *queue != "NONE" {
            assert!(id.len() <= 30, "{line}");
            stays.entry((id, queue)).or_default().push((event, of.to_vec()));
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
            (0..).zip(events).filter(|(_, (event, _))| wanted(event)).map(|(at, _)| at).collect()
        };
        let (entries, ends) = (at(&|event| event == "ENTERQUEUE"), at(&is_final));
        assert_eq!((entries, ends), (vec![0], vec![events.len() - 1]), "{of:?}: {events:?}");
        let connects = at(&|event| event == "CONNECT");
        let talked =
            events.last().is_some_and(|(event, _)| event.starts_with("COMPLETE") || event.ends_with("TRANSFER"));
        assert_eq!(connects.len(), usize::from(talked), "{of:?}: {events:?}");
    }
}

fn check_stay(record: &Record, stay: &Stay, events: &[(&str, Vec<&str>)]) {
    let seconds = |ms: u64| (ms / 1000).to_string();
    let (first, wait) = (stay.position.to_string(), seconds(stay.wait_ms));
    assert_eq!(events[0].1[2], first, "{}: {events:?}", record.call);
    let (last, of) = events.last().unwrap();
    match stay.left {
        QueueLeft::Answered(_) => {
            let (_, connect) = events.iter().find(|(event, _)| *event == "CONNECT").unwrap();
            assert_eq!(connect[0], wait, "{}: {events:?}", record.call);
            assert_eq!(of.last(), Some(&&*first), "{}: {events:?}", record.call);
        }
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
        for (event, _) in stays.values().flatten() {
            *seen.entry((*event).to_owned()).or_default() += 1;
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

/// Split at commas outside of quotes.
fn fields(line: &str) -> Vec<&str> {
    let mut quoted = false;
    line.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .collect()
}
