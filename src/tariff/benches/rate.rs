//! What rating costs: `cargo bench -p turno-tariff`. Prints how many calls a core prices in a second by a deck of 60,000 prefixes with
//! three bands and 60/1 slots, a minute against a week, how long a deck of 100,000 rows takes to load, how many lines of the batch
//! interface a core answers in a second, and how fast records are rated again.

#![expect(clippy::disallowed_methods, reason = "a bench asks the system how long it ran")]

use std::fmt::Write;
use std::hint::black_box;

use turno_base::{Seeded, Wall};
use turno_tariff::batch::Batch;
use turno_tariff::{Call, Deck, Key, Payer, rate};

const PREFIXES: u64 = 60_000;
const ROUNDS: usize = 5;

fn main() {
    let text = big_deck(PREFIXES);
    let deck = Deck::parse_json(&text).expect("a sound deck");
    println!("{:<44} {:>12}", "prefixes", deck.size().1);
    by_length(&deck);
    let rows = csv(100_000);
    let load = best(1000, || {
        black_box(Deck::parse_csv(&rows).expect("a sound deck"));
    });
    println!("{:<44} {:>12}", "CSV deck of 100,000 rows, ms", 1_000_000 / load.max(1));
    let json = big_deck(100_000);
    let load = best(1000, || {
        black_box(Deck::parse_json(&json).expect("a sound deck"));
    });
    println!("{:<44} {:>12}", "JSON deck of 100,000 rows, ms", 1_000_000 / load.max(1));
    let lines = lines(100_000);
    let mut batch = Batch::default();
    let mut out = String::new();
    let answered = best(lines.len(), || {
        out.clear();
        for line in &lines {
            batch.line(line, &mut out);
        }
    });
    println!("{:<44} {answered:>12}", "lines/s of the batch interface");
}

/// Calls of some lengths, by turns: what else the machine does meets them alike, so that the ratio holds where the figures do not.
fn by_length(deck: &Deck) {
    let lengths =
        [("a minute", 61_000), ("ten minutes", 600_000), ("an hour", 3_600_000), ("seven days", 7 * 86_400_000)];
    let calls = lengths.map(|(_, ms)| calls(ms));
    let mut best_ns = [u128::MAX; 4];
    for _ in 0..2 * ROUNDS {
        for (calls, best_ns) in calls.iter().zip(&mut best_ns) {
            let begun = on_cpu_ns();
            for call in calls {
                black_box(rate(deck, call, Payer::company()));
            }
            *best_ns = (*best_ns).min((on_cpu_ns() - begun).max(1));
        }
    }
    for (((name, _), calls), ns) in lengths.iter().zip(&calls).zip(best_ns) {
        let per_second = calls.len() as u128 * 1_000_000_000 / ns;
        println!("{:<44} {per_second:>12}", format!("ratings/s, calls of {name}"));
    }
    println!("{:<44} {:>12}", "a week's call in a minute's, percent", best_ns[3] * 100 / best_ns[0]);
}

/// The best of some rounds, per second: what else the machine does only makes it slower.
fn best(count: usize, mut work: impl FnMut()) -> u64 {
    let round = |work: &mut dyn FnMut()| {
        let begun = on_cpu_ns();
        work();
        (on_cpu_ns() - begun).max(1)
    };
    let fastest = (0..ROUNDS).map(|_| round(&mut work)).min().unwrap_or(1);
    u64::try_from(count as u128 * 1_000_000_000 / fastest).unwrap_or(u64::MAX)
}

/// Time that this thread had a core, ns: what other programs do beside it counts only by what it does to the caches.
fn on_cpu_ns() -> u128 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

const RATE: &str = r#"{"setup":"0.02","slots":[{"at":0,"price":"0.10","per":60000,"inc":60000},{"at":60000,"price":"0.08","per":60000,"inc":1000}]}"#;

fn big_deck(prefixes: u64) -> String {
    let bands = format!(
        r#"[{{"name":"night","days":[1,2,3,4,5],"from":"22:00","to":"08:00","prio":1,"rate":{RATE}}},
        {{"name":"weekend","days":[6,7],"from":"00:00","to":"24:00","prio":2,"rate":{RATE}}},
        {{"name":"feast","days":["H"],"from":"00:00","to":"24:00","prio":3,"rate":{RATE}}}]"#
    );
    let mut text = r#"{"tz":"Europe/Madrid","tax":"0.21","holidays":["2026-01-06","2026-12-08","2026-12-25"],"versions":[{"valid_from":"2026-01-01T00:00:00Z","rules":["#.to_owned();
    for n in 0..prefixes {
        let comma = if n == 0 { "" } else { "," };
        write!(
            text,
            "{comma}\n{{\"b\":\"{}\",\"party\":\"company\",\"default\":{RATE},\"bands\":{bands}}}",
            300_000 + n
        )
        .expect("writing to a string succeeds");
    }
    text + "]}]}"
}

fn csv(rows: u64) -> String {
    let mut text = "valid_from,revision,payer,b,a,rate,setup,per_minute,first_s,step_s,minimum,maximum\n".to_owned();
    for n in 0..rows {
        writeln!(text, "2026-01-01,,company,{},,r{},0.01,0.{:04},60,1,,", 300_000 + n, n % 97, n % 9973)
            .expect("writing to a string succeeds");
    }
    text
}

fn calls(duration_ms: u64) -> Vec<Call> {
    let mut dice = Seeded::new(1);
    (0..200_000)
        .map(|_| Call {
            a: Key::new("34600111222").expect("digits"),
            b: Key::new(&format!("{}12345", 300_000 + dice.below(PREFIXES))).expect("digits"),
            answer: Wall(1_767_225_600_000_000 + dice.below(31_536_000) as i64 * 1_000_000),
            duration_ms,
            answered: true,
        })
        .collect()
}

fn lines(count: u64) -> Vec<String> {
    let tariff = format!(
        r#"{{"currency":"EUR","tz":"Europe/Madrid","scale":4,"tax":"0.21","versions":[{{"valid_from":"2026-01-01T00:00:00Z","revision":0,"rules":[{{"b":"34","party":"company","default":{RATE}}}]}}]}}"#
    );
    (0..count)
        .map(|n| {
            format!(
                r#"{{"id":{n},"op":"rate","input":{{"tariff":{tariff},"call":{{"a":"34600111222","b":"34912345678","answer":"2026-03-10T11:{:02}:{:02}Z","duration_ms":{}}},"party":"company"}}}}"#,
                n / 60 % 60,
                n % 60,
                1000 + n * 7 % 600_000
            )
        })
        .collect()
}
