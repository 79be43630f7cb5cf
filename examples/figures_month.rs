//! A simulated month through the fold, the tables and the reports: `cargo run --release --example figures_month [CALLS] [DIR]`.
//! Prints how long each part took, by the clock and of a core, and how much room it takes; the audit of the month must find nothing.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use turno::shell::figures::{FigureReader, FigureTables, Mark, path, zone};
use turno::shell::report::sheet::Form;
use turno::shell::report::{Ask, Split, Subject, day_of, report};
use turno_base::fact::{AgentState, Fact, OfferEnd, QueueLeft, What};
use turno_base::{
    AgentId, CallId, Currency, E164, EndedBy, Mono, Name, Now, Number, Outcome, QueueId, Seeded, SegmentId, TrunkId,
    Wall,
};
use turno_report::kpi::{Audited, By, Changes, Fold, KpiTerms, Windows, audit};

/// 2026-03-01T00:00:00Z.
const MARCH_S: i64 = 1_772_323_200;
const DAYS: u64 = 30;
/// Facts of one transaction.
const BATCH: usize = 50_000;
const AGENTS: u64 = 60;

/// When the `n`-th of `calls` arrives, ms after the month began.
fn arrives_ms(n: u64, calls: u64) -> u64 {
    let per_day = calls.div_ceil(DAYS);
    n / per_day * 86_400_000 + 8 * 3_600_000 + n % per_day * 43_200_000 / per_day
}

/// Both clocks of this process, s.
fn clocks(began: Instant) -> Result<(f64, f64), Box<dyn Error>> {
    let used = getrusage(UsageWho::RUSAGE_SELF)?;
    let cpu = used.user_time().num_milliseconds() + used.system_time().num_milliseconds();
    Ok((began.elapsed().as_secs_f64(), cpu as f64 / 1000.0))
}

struct Month {
    seeded: Seeded,
    queues: Vec<QueueId>,
    segments: Vec<SegmentId>,
    agents: Vec<AgentId>,
    carrier: TrunkId,
    reasons: Vec<Name>,
}

impl Month {
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.seeded.below(of.len() as u64) as usize]
    }

    /// The facts of the `n`-th of `calls`, which come from 8:00 to 20:00.
    fn call(&mut self, n: u64, calls: u64, out: &mut Vec<Fact>) {
        let ms = arrives_ms(n, calls);
        let (queue, segment, agent) =
            (self.pick(&self.queues.clone()), self.pick(&self.segments.clone()), self.pick(&self.agents.clone()));
        let (wait, talk, wrap) =
            (self.seeded.below(90_000), 60_000 + self.seeded.below(400_000), 5000 + self.seeded.below(40_000));
        let number =
            |digits: String| Number { e164: E164::from_digits(digits.as_bytes()).ok(), raw: digits, withheld: false };
        let ani = number(format!("346{:08}", self.seeded.below(300_000)));
        let dnis = number(if self.seeded.below(3) == 0 { "34900123456" } else { "34910000001" }.to_owned());
        let call = CallId((u128::from(ms) << 80) | u128::from(n));
        let mut at = |after: u64, what| {
            let wall = Wall(MARCH_S * 1_000_000 + ((ms + after) * 1000) as i64);
            out.push(Fact { at: Now { mono: Mono::from_ms(ms + after), wall }, what });
        };
        let state = |state, call| What::AgentChanged { agent, station: None, state, call, is_paid: true };
        at(0, What::CallArrived { call, ani, dnis, trunk: Some(self.carrier) });
        at(10, What::CustomerKnown { call, customer: None, segment, value_pm: 1000 });
        at(4000, What::QueueEntered { call, queue, position: 1 });
        let left = |left, wait_ms| What::QueueLeft { call, queue, left, position: 1, wait_ms };
        if self.seeded.below(100) < 6 {
            at(4000 + wait, left(QueueLeft::Abandoned, wait));
            at(4001 + wait, What::CallEnded { call, outcome: Outcome::Abandoned, by: EndedBy::Caller });
            return;
        }
        let (rung, ended) = (4000 + wait, 4000 + wait + talk);
        at(rung.saturating_sub(3000).max(4000), What::Offered { call, queue, agent, epoch: n });
        at(rung, What::OfferEnded { call, agent, epoch: n, end: OfferEnd::Accepted, ring_ms: 3000 });
        at(rung, left(QueueLeft::Answered(agent), wait));
        at(rung, state(AgentState::Talking, Some(call)));
        at(ended, state(AgentState::WrapUp, Some(call)));
        at(ended, What::CallEnded { call, outcome: Outcome::Answered, by: EndedBy::Caller });
        let disposition = self.reasons[n as usize % self.reasons.len()];
        at(ended + 1000, What::Disposed { call, agent, disposition });
        at(ended + wrap, state(AgentState::Ready, None));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let calls: u64 = arguments.next().map_or(Ok(1_000_000), |n| n.parse())?;
    let dir = arguments.next().map_or_else(|| std::env::temp_dir().join("turno-figures-month"), PathBuf::from);
    std::fs::create_dir_all(&dir)?;
    let file = path(&dir);
    let _ = std::fs::remove_file(&file);
    let name = |text: &str| Name::new(text).expect("a name");
    let mut month = Month {
        seeded: Seeded::new(1),
        queues: ["averias", "ventas", "facturas", "bajas", "general"].map(|q| QueueId(name(q))).to_vec(),
        segments: ["platinum", "gold", "standard", "basic"].map(|s| SegmentId(name(s))).to_vec(),
        agents: (0..AGENTS).map(|n| AgentId(name(&format!("agent-{n}")))).collect(),
        carrier: TrunkId(name("carrier")),
        reasons: ["billing.due", "billing.wrong", "fault.line", "sale", "other"].map(name).to_vec(),
    };
    let number_types = [("34900", "freephone"), ("34", "geographic")].map(|(digits, t)| (digits.to_owned(), name(t)));
    let terms = KpiTerms { number_types: number_types.into(), rate: 215_000, ..KpiTerms::default() };

    let (began, before) = (Instant::now(), clocks(Instant::now())?.1);
    let mut tables = FigureTables::open(&file)?;
    let (mut fold, mut mark, mut facts) = (Fold::default(), Mark::default(), Vec::new());
    let mut told = 0_u64;
    for n in 0..calls {
        month.call(n, calls, &mut facts);
        if facts.len() < BATCH && n + 1 < calls {
            continue;
        }
        // Calls overlap: their facts come in the order of time, as they do live. What is later than the last arrival waits.
        facts.sort_by_key(|fact: &Fact| fact.at.mono);
        let last = arrives_ms(n, calls);
        let whole = facts.partition_point(|fact| fact.at.mono.as_ms() <= last || n + 1 == calls);
        let mut changes = Changes::default();
        for fact in facts.drain(..whole) {
            fold.on_fact(&fact, &terms, &mut changes);
            told += 1;
            mark = Mark { fact: told, at_us: fact.at.wall.0, ..mark };
        }
        tables.take(mark, &mut fold, &changes)?;
    }
    drop(tables);
    let bytes = std::fs::metadata(&file)?.len();
    let (wall, cpu) = clocks(began)?;
    let cpu = cpu - before;
    println!(
        "{calls} calls, {told} facts folded and stored in {wall:.1} s ({cpu:.1} s of a core); {} bytes a call",
        bytes / calls
    );

    let reader = FigureReader::open(&dir)?;
    let ask = |subject, by, split| -> Result<Ask, Box<dyn Error>> {
        Ok(Ask {
            subject,
            from: day_of("2026-03-01")?,
            to: day_of("2026-03-31")?,
            by,
            zone: zone("Europe/Madrid").ok_or("no time-zone data")?,
            split,
            queue: None,
            segment: None,
            figures: vec!["all".to_owned()],
            with_idle: true,
            agent: None,
            currency: Currency::EUR,
            windows: Windows::default(),
            settled: Vec::new(),
        })
    };
    for (subject, by, split) in [
        (Subject::Queues, By::Month, Split::Queue),
        (Subject::Queues, By::Interval, Split::Queue),
        (Subject::Agents, By::Day, Split::Queue),
        (Subject::Law, By::Month, Split::Queue),
        (Subject::Dispositions, By::Month, Split::Segment),
        (Subject::Cost, By::Day, Split::Segment),
        (Subject::Repeat, By::Month, Split::Queue),
    ] {
        let (began, before) = (Instant::now(), clocks(Instant::now())?.1);
        let ask = ask(subject, by, split)?;
        let sheet = report(&reader, &ask)?;
        let bytes = sheet.render(Form::Csv)?.len();
        let (wall, cpu) = clocks(began)?;
        let cpu = cpu - before;
        println!(
            "{:12} by {by:?}: {} rows, {bytes} bytes of CSV in {wall:.2} s ({cpu:.2} s of a core)",
            ask.subject.word(),
            sheet.rows.len()
        );
    }
    let began = Instant::now();
    let range = ask(Subject::Queues, By::Month, Split::Queue)?.range();
    let mut audited = Audited { tallies: reader.tallies(&range)?, ..Audited::default() };
    reader.each_entry(&range, None, |entry| audited.entries.push(entry))?;
    let differences = audit(&audited);
    println!(
        "audit of {} stays: {} differences in {:.1} s",
        audited.entries.len(),
        differences.len(),
        began.elapsed().as_secs_f64()
    );
    if differences.is_empty() { Ok(()) } else { Err(format!("{:?}", differences.first()).into()) }
}
