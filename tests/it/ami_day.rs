//! A day of the demo at many calls a minute, followed by five client libraries of the manager interface and by a reader of `queue_log`:
//! what they heard, the counters that they are shown, that file and the call records say the same of every call, in both
//! directions. The day of thirteen minutes is `scripts/ami-day`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use serde_json::Value;
use turno_base::CallId;
use turno_tariff::cdr::format::asterisk_id;

use crate::ami::{LIBRARIES, Library, SECRET};
use crate::demo::{Demo, until};
use crate::house::free_port;

/// So many stays, and so many conversations that have ended, are a day: about half a minute.
const STAYS: usize = 60;
const TALKS: usize = 8;
/// What happens in a queue may be told by the second.
const SLACK_S: u64 = 2;
const COMPLETE: &[&str] = &["COMPLETECALLER", "COMPLETEAGENT", "BLINDTRANSFER", "ATTENDEDTRANSFER"];
/// What ends a stay, besides [`COMPLETE`].
const LEFT: &[&str] = &["ABANDON", "EXITWITHTIMEOUT", "EXITEMPTY", "EXITWITHKEY", "WITHDRAW"];
/// Events and the words of `queue_log` for the same.
const TOLD: [(&str, &[&str]); 5] = [
    ("QueueCallerJoin", &["ENTERQUEUE"]),
    ("QueueCallerAbandon", &["ABANDON"]),
    ("AgentConnect", &["CONNECT"]),
    ("AgentComplete", COMPLETE),
    ("AgentRingNoAnswer", &["RINGNOANSWER"]),
];

/// A line of `queue_log`.
#[derive(Debug)]
struct Line {
    /// Seconds since 1970.
    at: u64,
    call: String,
    queue: String,
    word: String,
}

fn lines(demo: &Demo) -> Vec<Line> {
    let text = std::fs::read_to_string(demo.dir.join("data/config/queue_log")).unwrap_or_default();
    let line = |line: &str| {
        let cells: Vec<&str> = line.splitn(6, '|').collect();
        let [at, call, queue, _, word, _] = cells[..] else { panic!("six cells: {line}") };
        let at = at.parse().unwrap_or_else(|_| panic!("it begins with a second: {line}"));
        Line { at, call: call.into(), queue: queue.into(), word: word.into() }
    };
    text.lines().map(line).collect()
}

fn is_end(word: &str) -> bool {
    COMPLETE.contains(&word) || LEFT.contains(&word)
}

/// Of a caller: what is the same in both where he came into a queue a second time (docs/reference/ami.md).
fn caller(unique: &str) -> String {
    unique.rsplit_once('.').map_or(unique, |(_, number)| number).to_owned()
}

/// How often each caller and queue.
type Count = BTreeMap<(String, String), u32>;

fn count(pairs: impl Iterator<Item = (String, String)>) -> Count {
    pairs.fold(Count::new(), |mut all, pair| {
        *all.entry(pair).or_default() += 1;
        all
    })
}

/// Every stay has one entry and one end; gives how many there are.
fn stays(lines: &[Line]) -> usize {
    let mut stays: BTreeMap<(&str, &str), (u32, u32)> = BTreeMap::new();
    for line in lines {
        let stay = stays.entry((&line.call, &line.queue)).or_default();
        stay.0 += u32::from(line.word == "ENTERQUEUE");
        stay.1 += u32::from(is_end(&line.word));
    }
    stays.retain(|_, stay| *stay != (0, 0));
    let odd: Vec<_> = stays.iter().filter(|(_, stay)| **stay != (1, 1)).collect();
    assert!(odd.is_empty(), "not one entry and one end: {odd:?}");
    stays.len()
}

/// Calls and what the records say of them are those of `queue_log`.
fn agree(records: &[Value], lines: &[Line]) {
    let of = |word: &str| lines.iter().filter(|line| line.word == word).map(|line| caller(&line.call)).collect();
    let (entered, connected, abandoned): (BTreeSet<String>, BTreeSet<String>, BTreeSet<String>) =
        (of("ENTERQUEUE"), of("CONNECT"), of("ABANDON"));
    let mut seen = BTreeSet::new();
    for record in records {
        let call: CallId = record["call"].as_str().unwrap().parse().unwrap();
        let call = caller(&asterisk_id(call));
        if !entered.contains(&call) {
            continue;
        }
        let outcome = record["outcome"].as_str().unwrap();
        assert_eq!(outcome == "answered", connected.contains(&call), "{call}: {record:#}");
        assert_eq!(outcome == "abandoned", abandoned.contains(&call), "{call}: {record:#}");
        seen.insert(call);
    }
    assert_eq!(seen, entered, "each call of queue_log has a record");
}

/// What a library heard of callers who came when it listened is what stands in `queue_log`, no less and no more; and so are the
/// counters that it is shown.
fn hears(library: &str, events: &[Value], lists: &Value, log: &[Line], young: &BTreeSet<String>) {
    for (event, words) in TOLD {
        let of = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let heard = events.iter().filter(|of| of["Event"] == event);
        let heard = heard.map(|event| (caller(&of(event, "Uniqueid")), of(event, "Queue")));
        let logged = log.iter().filter(|line| words.contains(&&*line.word));
        let logged = logged.map(|line| (caller(&line.call), line.queue.clone()));
        let is_young = |pair: &(String, String)| young.contains(&pair.0);
        assert_eq!(count(heard.filter(is_young)), count(logged.filter(is_young)), "{library}: {event}");
    }
    for params in lists["status"].as_array().unwrap().iter().filter(|item| item["Event"] == "QueueParams") {
        let of = |words: &[&str]| {
            let his = log.iter().filter(|line| params["Queue"] == line.queue && words.contains(&&*line.word));
            his.count().to_string()
        };
        let (completed, abandoned) = (of(COMPLETE), of(&["ABANDON"]));
        let shown = (params["Completed"].as_str(), params["Abandoned"].as_str());
        assert_eq!(shown, (Some(&*completed), Some(&*abandoned)), "{library}: {params:#}");
    }
}

/// Nobody comes any more, and who is there is hung up on; gives the whole of `queue_log`.
fn close(demo: &Demo) -> Vec<Line> {
    assert!(demo.turno(&["drain"]).status.success());
    until("every call has ended", || {
        let shown: Value = serde_json::from_slice(&demo.turno(&["call", "show", "--json"]).stdout).unwrap();
        let calls = shown["calls"].as_array().unwrap();
        for call in calls {
            demo.turno(&["call", "hangup", call["call"].as_str().unwrap()]);
        }
        calls.is_empty().then_some(())
    });
    until("every stay has its end in queue_log", || {
        let log = lines(demo);
        let entered = log.iter().filter(|line| line.word == "ENTERQUEUE").count();
        (entered == log.iter().filter(|line| is_end(&line.word)).count()).then_some(log)
    })
}

#[test]
fn a_day_of_the_demo_is_told_alike_to_five_libraries_in_queue_log_and_in_the_records() {
    let port = free_port();
    let lines_of_it = format!(
        "[ami]\nlisten = \"127.0.0.1:{port}\"\n[ami.logins.connector]\nsecret = \"{SECRET}\"\nwrite = [\"all\"]\n\
         [[store.out]]\nname = \"queue-log\"\nto = \"queue-log\"\npath = \"queue_log\"\n"
    );
    let mut demo = Demo::open_for(&lines_of_it, &["--per-minute", "150"], 600);
    let mut libraries = LIBRARIES.map(|name| Library::start(name, port));
    // What came before they listened is nobody's to have heard.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + SLACK_S;
    until("a day has passed", || {
        let log = lines(&demo);
        let of = |is: &dyn Fn(&Line) -> bool| log.iter().filter(|line| line.at >= since && is(line)).count();
        let is_day =
            of(&|line| line.word == "ENTERQUEUE") >= STAYS && of(&|line| COMPLETE.contains(&&*line.word)) >= TALKS;
        is_day.then_some(())
    });
    let log = close(&demo);
    assert!(stays(&log) >= STAYS);
    let is_old = |of: &str| log.iter().any(|line| line.at < since && caller(&line.call) == of);
    let entered = log.iter().filter(|line| line.word == "ENTERQUEUE").map(|line| caller(&line.call));
    let young: BTreeSet<String> = entered.filter(|of| !is_old(of)).collect();
    assert!(young.len() >= TALKS, "{} callers", young.len());
    let ends = log.iter().filter(|line| COMPLETE.contains(&&*line.word) && young.contains(&caller(&line.call))).count();
    for library in &mut libraries {
        let name = library.name;
        let events = until(name, || {
            let events = library.ask("events").as_array().unwrap().clone();
            let his = |event: &&Value| {
                event["Event"] == "AgentComplete"
                    && event["Uniqueid"].as_str().is_some_and(|of| young.contains(&caller(of)))
            };
            (events.iter().filter(his).count() >= ends).then_some(events)
        });
        hears(name, &events, &library.ask("lists"), &log, &young);
    }
    let records = demo.dir.join("data/data/records");
    let told = demo.turno(&["--json", "cdr", "--records", records.to_str().unwrap(), "list", "--limit", "1000"]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    agree(told["records"].as_array().unwrap(), &log);
    drop(libraries);
    assert!(demo.interrupt().1);
}
