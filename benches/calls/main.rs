//! What a call costs: CPU, the highest clean rate, how soon a freed agent has the next caller, memory of those who wait, how soon
//! the caller's card is there.
//!
//! `cargo bench --bench calls [-- cpu rate gap memory card] [--rounds N] [--at RATE] [--from RATE]`, or `make bench`, which adds the bench of media. The
//! engine is a process and a session of its own with journal and store on; SIPp is the carrier and all phones, on the same
//! machine, so that they share its cores. Figures are medians over the rounds. docs/benchmarks.md explains them.

mod node;
mod peer;
mod sipp;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use node::{Node, Wanted};
use sipp::{Callers, Counts, Sipp};

/// Agents of the runs with answered calls; each takes the next call at once.
const AGENTS: usize = 300;
const TALK: Duration = Duration::from_millis(100);
/// The last transactions of a call are forgotten by then (RFC 3261: 64·T1), so that their cost is in the figure.
const TAIL: Duration = Duration::from_secs(33);
/// A call is 6 messages to us and about as many from us; one in a thousand may be repeated.
const MESSAGES: u64 = 12;
const WAITING: u64 = 3000;
/// Of the run that looks at cards.
const CUSTOMERS: u64 = 1_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let after = |flag: &str| arguments.iter().skip_while(|a| *a != flag).nth(1).and_then(|n| n.parse::<usize>().ok());
    let rounds = after("--rounds").unwrap_or(3);
    let kinds = ["cpu", "rate", "gap", "memory", "card"];
    let asked = |kind: &str| arguments.iter().any(|a| a == kind);
    let all = !kinds.iter().any(|kind| asked(kind));
    let sink = UdpSocket::bind("127.0.7.9:0").expect("a sink for audio");
    // Bound to every address of the peers by its port alone: nobody reads it.
    let sink = sink.local_addr().expect("an address").port();
    let _taken = ["127.0.7.2", "127.0.7.4"].map(|ip| UdpSocket::bind((ip, sink)).expect("a sink for audio"));
    for kind in kinds.iter().filter(|kind| all || asked(kind)) {
        match *kind {
            "cpu" => cpu(rounds, sink, after("--at").unwrap_or(200) as u64),
            "rate" => rate(rounds, sink, after("--from").unwrap_or(200) as u64),
            "gap" => gap(rounds, sink),
            "card" => card(rounds, sink),
            _ => memory(rounds, sink),
        }
    }
}

/// One line that says whether a goal is met: `value` is to be at most `goal`, or at least.
fn verdict(what: &str, unit: &str, value: f64, is_at_most: bool, goal: f64) {
    let (bound, is_met) = if is_at_most { ("at most", value <= goal) } else { ("at least", value >= goal) };
    let met = if is_met { "met" } else { "MISSED" };
    println!("verdict: {what} {value:.3} {unit}, goal {bound} {goal} {unit}: {met}");
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

fn answering() -> Wanted {
    Wanted { agents: AGENTS, logged_in: true, music: false, customers: 0 }
}

/// (a) CPU of the engine per call that is queued, offered, bridged and ended.
fn cpu(rounds: usize, sink: u16, at: u64) {
    let mut per_call = Vec::new();
    for round in 1..=rounds {
        let node = Node::start(&answering());
        let _phones = Sipp::phones(sink);
        let warm_up = Callers { rate: at, calls: at * 2, talk: TALK, sink };
        let _ = Sipp::callers(&warm_up).end(Duration::from_secs(2));
        let (before, threads) = (node.cpu(), node.cpu_by_thread());
        let callers = Callers { rate: at, calls: at * 20, talk: TALK, sink };
        let slept = node.sleeps();
        let counts = Sipp::callers(&callers).end(Duration::from_secs(20));
        let sleeps = (node.sleeps() - slept) as f64 / counts.successful.max(1) as f64;
        std::thread::sleep(TAIL);
        let used = node.cpu() - before;
        assert_eq!(node.size("transactions"), 0, "transactions after {TAIL:?}");
        let ms = |time: Duration| time.as_secs_f64() * 1000.0 / counts.successful.max(1) as f64;
        let by_thread: Vec<String> = node
            .cpu_by_thread()
            .into_iter()
            // Threads of one name that ended meanwhile took what they had used with them.
            .map(|(name, time)| (name.clone(), time.saturating_sub(threads.get(&name).copied().unwrap_or_default())))
            .filter(|(_, time)| ms(*time) >= 0.001)
            .map(|(name, time)| format!("{name} {:.3}", ms(time)))
            .collect();
        println!(
            "cpu    round {round}: {:.3} ms a call at {at}/s, threads slept {sleeps:.1} times a call, {counts:?}; {}",
            ms(used),
            by_thread.join(", ")
        );
        per_call.push(ms(used));
    }
    verdict(&format!("CPU per call at {at} calls/s, median of {rounds}"), "ms", median(per_call), true, 0.5);
}

/// (b) The highest rate at which no call fails, nothing unexpected is heard and at most 0.1 % of messages are repeated.
fn rate(rounds: usize, sink: u16, from: u64) {
    let mut highest = Vec::new();
    for round in 1..=rounds {
        let node = Node::start(&answering());
        let phones = Sipp::phones(sink);
        let mut clean = 0;
        let mut failures = 0;
        for rate in (1..).map(|step| step * 100).skip_while(|rate| *rate < from) {
            let seconds = 8;
            if !node.becomes_idle() {
                println!("rate   round {round}: calls of the last step have not ended");
                break;
            }
            let (before, cpu, began) = (phones.counts_now(), node.cpu(), Instant::now());
            let callers = Callers { rate, calls: rate * seconds, talk: TALK, sink };
            let mut counts = Sipp::callers(&callers).end(Duration::from_secs(seconds));
            let took = began.elapsed().as_secs_f64();
            let theirs = phones.counts_now().since(before);
            counts.retransmissions += theirs.retransmissions;
            counts.unexpected += theirs.unexpected;
            counts.failed += theirs.failed;
            let reached = counts.created as f64 / took;
            let kept_up = took < seconds as f64 * 1.1 + 1.0;
            let is_clean = is_clean(&counts, rate * seconds) && kept_up;
            let cpu = (node.cpu() - cpu).as_secs_f64() * 1000.0 / counts.created.max(1) as f64;
            println!(
                "rate   round {round}: {rate}/s ({reached:.0} reached), {cpu:.3} ms a call, clean {is_clean}, {counts:?}"
            );
            if is_clean {
                clean = rate;
                failures = 0;
            } else {
                failures += 1;
            }
            if failures == 2 {
                break;
            }
        }
        highest.push(clean as f64);
    }
    verdict(&format!("highest clean rate, median of {rounds}"), "calls/s", median(highest), false, 1500.0);
}

fn is_clean(counts: &Counts, calls: u64) -> bool {
    let repeated_at_most = calls * MESSAGES / 1000;
    counts.successful == calls
        && counts.failed == 0
        && counts.unexpected == 0
        && counts.retransmissions <= repeated_at_most
}

/// (c) From the BYE of an agent to the next INVITE for that agent, while callers wait.
fn gap(rounds: usize, sink: u16) {
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let _node = Node::start(&Wanted { agents: 20, logged_in: true, music: false, customers: 0 });
        let gaps = peer::run(20, 500, 1000, sink);
        let ms = |percent| gaps.percentile(percent).as_secs_f64() * 1000.0;
        println!(
            "gap    round {round}: p50 {:.3} ms, p90 {:.3}, p99 {:.3}, max {:.3}, {} gaps in {} calls",
            ms(50),
            ms(90),
            ms(99),
            ms(100),
            gaps.gaps.len(),
            gaps.calls
        );
        p50.push(ms(50));
        p99.push(ms(99));
    }
    println!("agent free to INVITE, median of {rounds}: p50 {:.3} ms", median(p50));
    verdict(&format!("agent free to INVITE, p99, median of {rounds}"), "ms", median(p99), true, 2.0);
}

/// (d) Memory of those who wait, without and with music.
fn memory(rounds: usize, sink: u16) {
    for music in [false, true] {
        let mut per_call = Vec::new();
        for round in 1..=rounds {
            let node = Node::start(&Wanted { agents: 4, logged_in: false, music, customers: 0 });
            // What the first calls make it allocate once is no caller's.
            let first = Callers { rate: 100, calls: 200, talk: Duration::from_secs(3600), sink };
            let _first = Sipp::callers(&first);
            node.until("the first callers", |node| node.size("waiting") == first.calls);
            drop(_first);
            let before = node.memory();
            let callers = Callers { rate: 200, calls: WAITING, talk: Duration::from_secs(3600), sink };
            let sipp = Sipp::callers(&callers);
            node.until("all callers", |node| node.size("waiting") == first.calls + WAITING);
            let (counts, more) = (sipp.counts_now(), node.memory() - before);
            let per = more as f64 / 1024.0 / counts.created.max(1) as f64;
            let cpu = node.cpu();
            std::thread::sleep(Duration::from_secs(5));
            let cpu = (node.cpu() - cpu).as_secs_f64() * 1000.0 / 5.0 / counts.created.max(1) as f64;
            println!("memory round {round}: {per:.1} KiB a caller, {cpu:.4} ms/s a caller, music {music}, {counts:?}");
            per_call.push(per);
        }
        let what = format!("memory per waiting caller, music {music}, median of {rounds}");
        verdict(&what, "KiB", median(per_call), true, 16.0);
    }
}

/// (e) From an INVITE to the card of its caller, with the store full.
fn card(rounds: usize, sink: u16) {
    let mut p99 = Vec::new();
    let node = Node::start(&Wanted { customers: CUSTOMERS, ..answering() });
    let _phones = Sipp::phones(sink);
    for round in 1..=rounds {
        let callers = Callers { rate: 100, calls: 1000, talk: TALK, sink };
        let counts = Sipp::callers(&callers).end(Duration::from_secs(20));
        assert!(node.becomes_idle(), "calls have not ended");
        let cards = node.cards();
        let known = cards.iter().filter(|(_, name)| name.starts_with("Customer ")).count();
        let mut took: Vec<f64> = cards.iter().map(|(took, _)| took.as_secs_f64() * 1000.0).collect();
        took.sort_by(f64::total_cmp);
        let at = |percent: usize| took.get((took.len().max(1) - 1) * percent / 100).copied().unwrap_or(f64::NAN);
        println!(
            "card   round {round}: p50 {:.3} ms, p99 {:.3}, max {:.3}, {known} of {} callers known, {counts:?}",
            at(50),
            at(99),
            at(100),
            cards.len()
        );
        assert_eq!(known, cards.len(), "every caller is a customer");
        p99.push(at(99));
    }
    verdict(
        &format!("INVITE to card with {CUSTOMERS} customers, p99, median of {rounds}"),
        "ms",
        median(p99),
        true,
        50.0,
    );
}
