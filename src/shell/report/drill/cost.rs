//! From a figure of cost to its calls: amounts as rated last from the records and the ledger, agents' time from the stays.

use std::collections::BTreeMap;

use turno_base::{AgentId, CallId, Currency, Money, Name, QueueId, SegmentId, Wall};
use turno_report::kpi::{KpiTerms, Quarter, of_hours, share_out};
use turno_tariff::cdr::Record;

use super::{AROUND_US, Did, Sheet, each_direct, each_record, key_of, push, sheet_of, text};
use super::{ByCall, calls_entering, queues};
use crate::shell::figures::FigureReader;
use crate::shell::report::cost::{COMPANY, INCOME};
use crate::shell::report::sheet::{Cell, Column};
use crate::shell::report::{Ask, ROWS_MAX, ReportError};
use crate::shell::store::ledger::{Entry as Posted, Ledger};

pub(super) fn cost(reader: &FigureReader, ask: &Ask, name: &str) -> Result<Sheet, ReportError> {
    match name {
        "calls" => calls_entering(reader, ask, (name, "calls, where they first entered"), ByCall::Calls),
        "handled" => queues(reader, ask, name),
        "agents" | "cost" | "cost_per_call" | "margin" => spent(reader, ask, name),
        "idle" => Err(ReportError::NotOfCalls(name.to_owned())),
        "rated_again" => paid(reader, ask, name, (COMPANY, true)),
        _ => paid(reader, ask, name, (name, false)),
    }
}

/// What was posted to the amounts of a record.
fn posted(ledger: Option<&Ledger>, record: &Record) -> Result<Vec<Posted>, ReportError> {
    Ok(ledger.map(|ledger| ledger.of_record(record)).transpose()?.unwrap_or_default())
}

/// A row for each call and currency that a payer pays in, or for each call that has legs without an amount; of `again` only calls
/// to which rating again posted something.
fn paid(reader: &FigureReader, ask: &Ask, name: &str, (payer, again): (&str, bool)) -> Result<Sheet, ReportError> {
    if Name::new(payer).is_err() {
        return Err(ReportError::NoFigure(name.to_owned()));
    }
    let formula = match name {
        "unrated" => "legs and parties without an amount",
        "rated_again" => "what of company rating again posted, up or down",
        _ => "rated legs that this party pays, as rated last",
    };
    let more = vec![
        Column::new("ended_with", "as rated when the call ended"),
        Column::new("rated_again", "what rating again posted"),
        Column::new("net", "ended_with + rated_again"),
        Column::plain("currency"),
    ];
    let mut sheet = sheet_of(name, formula, more);
    let ledger = Ledger::read(reader.dir())?;
    let mut failed = None;
    each_counted(reader, ask, |record, of| {
        let posted = match posted(ledger.as_ref(), record) {
            Ok(posted) => posted,
            Err(error) => return failed = Some(error),
        };
        if name == "unrated" {
            let firsts = posted.iter().filter(|entry| entry.was_unrated).count();
            let legs: usize = record.costs.iter().map(|cost| cost.unrated as usize).sum();
            if legs > firsts {
                push(&mut sheet, of, vec![Cell::Nothing, Cell::Nothing, Cell::Nothing, text(None::<Name>)], true);
            }
            return;
        }
        for (currency, scale, [ended, since]) in sums(record, &posted, payer, again) {
            let money = |units: i128| Cell::Money { units, scale, currency };
            let cells = vec![money(ended), money(since), money(ended + since), Cell::Text(currency.to_string())];
            push(&mut sheet, of, cells, true);
        }
    })?;
    failed.map_or(Ok(sheet), Err)
}

/// What a payer pays of a call by currency and scale: when it ended, and what was posted since.
fn sums(record: &Record, posted: &[Posted], payer: &str, again: bool) -> Vec<(Currency, u8, [i128; 2])> {
    let mut sums: BTreeMap<(Currency, u8), [i128; 2]> = BTreeMap::new();
    let amounts = record.costs.iter().filter(|cost| cost.payer.0.as_str() == payer).filter_map(|cost| cost.net);
    let since = posted.iter().map(|entry| entry.posting).filter(|posting| posting.of.payer.0.as_str() == payer);
    let postings: Vec<Money> = since.map(|posting| posting.difference).collect();
    if again && postings.is_empty() {
        return Vec::new();
    }
    for (n, Money { units, scale, currency }) in
        amounts.map(|net| (0, net)).chain(postings.into_iter().map(|difference| (1, difference)))
    {
        if let Some(sum) = sums.entry((currency, scale)).or_default().get_mut(n) {
            *sum += i128::from(units);
        }
    }
    sums.into_iter().map(|((currency, scale), sums)| (currency, scale, sums)).collect()
}

/// Where a row of a call is.
type Of = (CallId, Wall, Option<QueueId>, Option<SegmentId>);

/// Calls `on` with each record whose cost is counted in the days asked for.
fn each_counted(reader: &FigureReader, ask: &Ask, mut on: impl FnMut(&Record, Of)) -> Result<(), ReportError> {
    let range = ask.range();
    each_record(reader, ask, |record| {
        let key = key_of(record);
        if range.contains(&key.quarter) && ask.wants(&key) {
            let at = record.stays.last().map_or(record.arrived, |stay| stay.entered);
            on(record, (record.call, at, key.queue, key.segment));
        }
    })
}

/// What was spent on one call, and what it brought in.
#[derive(Debug, Default)]
struct Spent {
    of: Option<Of>,
    company: Vec<Money>,
    income: Vec<Money>,
    /// Units an hour · µs.
    agents: u128,
}

fn spent(reader: &FigureReader, ask: &Ask, name: &str) -> Result<Sheet, ReportError> {
    let formula = match name {
        "agents" => "(talk + hold + wrap-up) at the agent's cost per hour",
        "cost" => "company + agents",
        "cost_per_call" => "(company + agents) / calls",
        _ => "income - company - agents",
    };
    let amount = |name: &str, formula: &str| Column::new(name, formula);
    let more = vec![
        amount("company", "rated legs that it pays, as rated last"),
        amount("agents", "(talk + hold + wrap-up) at the agent's cost per hour"),
        amount("cost", "company + agents"),
        amount("income", "rated legs that bring in, as rated last"),
        amount("margin", "income - cost"),
    ];
    let mut sheet = sheet_of(name, formula, more);
    sheet.notes.push(format!("amounts in {}; idle time is nobody's call", ask.currency));
    let calls = all_spent(reader, ask)?;
    let scales = calls.values().flat_map(|spent| spent.company.iter().chain(&spent.income)).map(|money| money.scale);
    let scale = scales.max().unwrap_or(0).max(KpiTerms::RATE_SCALE);
    let up = 10_u128.pow(u32::from(scale - KpiTerms::RATE_SCALE));
    // Rounded once for all, as the report does, and shared out: the rows add up to it.
    let weights: Vec<u128> = calls.values().map(|spent| spent.agents).collect();
    let agents = share_out(of_hours(weights.iter().sum::<u128>() * up), &weights);
    let sum = |of: &[Money]| -> i128 {
        of.iter().map(|money| i128::from(money.units) * 10_i128.pow(u32::from(scale - money.scale))).sum()
    };
    let money = |units: i128| Cell::Money { units, scale, currency: ask.currency };
    for (spent, agents) in calls.values().zip(agents) {
        let (company, income) = (sum(&spent.company), sum(&spent.income));
        let (Some(of), cost) = (spent.of, company + agents) else { continue };
        let cells = vec![money(company), money(agents), money(cost), money(income), money(income - cost)];
        push(&mut sheet, of, cells, true);
    }
    Ok(sheet)
}

/// What was spent by call; a stay's agents count where it is, telephony where the call ended up.
fn all_spent(reader: &FigureReader, ask: &Ask) -> Result<BTreeMap<CallId, Spent>, ReportError> {
    let mut calls: BTreeMap<CallId, Spent> = BTreeMap::new();
    let queue = ask.queue.map(|queue| queue.to_string());
    reader.each_entry(&ask.range(), queue.as_deref(), |entry| {
        if entry.agent_cost > 0 && ask.wants(&entry.key) && calls.len() <= ROWS_MAX {
            let spent = calls.entry(entry.call).or_default();
            spent.agents += entry.agent_cost;
            spent.of = Some((entry.call, entry.entered, entry.key.queue, entry.key.segment));
        }
    })?;
    let ledger = Ledger::read(reader.dir())?;
    let mut failed = None;
    each_counted(reader, ask, |record, of| {
        if calls.len() > ROWS_MAX {
            return;
        }
        let posted = match posted(ledger.as_ref(), record) {
            Ok(posted) => posted,
            Err(error) => return failed = Some(error),
        };
        let of_payer = |payer: &str| -> Vec<Money> {
            let amounts = record.costs.iter().filter(|cost| cost.payer.0.as_str() == payer).filter_map(|cost| cost.net);
            let since = posted.iter().map(|entry| entry.posting);
            let since = since.filter(|posting| posting.of.payer.0.as_str() == payer).map(|posting| posting.difference);
            amounts.chain(since).filter(|money| money.currency == ask.currency).collect()
        };
        let (company, income) = (of_payer(COMPANY), of_payer(INCOME));
        if !company.is_empty() || !income.is_empty() {
            let spent = calls.entry(record.call).or_default();
            (spent.company, spent.income, spent.of) = (company, income, Some(of));
        }
    })?;
    failed.map_or(Ok(()), Err)?;
    direct_agents(reader, ask, &mut calls)?;
    Ok(calls)
}

/// Adds agents' time at calls that no queue gave, at what an hour of each cost in the quarter in which he began.
fn direct_agents(reader: &FigureReader, ask: &Ask, calls: &mut BTreeMap<CallId, Spent>) -> Result<(), ReportError> {
    if ask.queue.is_some() {
        return Ok(());
    }
    let mut direct: Vec<(Of, Quarter, AgentId, u64)> = Vec::new();
    each_direct(reader, ask, |record, did| {
        let of = (record.call, record.arrived, None, record.segment);
        let ms = |did: &Did| did.talk_ms + did.hold_ms + did.wrap_ms;
        let had = did.iter().filter(|(_, did)| did.handled());
        direct.extend(had.map(|(agent, did)| (of, Quarter::of(did.at.unwrap_or(record.arrived)), *agent, ms(did))));
    })?;
    if direct.is_empty() {
        return Ok(());
    }
    let (mut rates, range) = (BTreeMap::new(), ask.range());
    let after = range.start..Quarter(range.end.0 + AROUND_US / 900_000_000);
    reader.each_agent(&after, |quarter, agent, tally| {
        let rate = tally.cost.checked_div(u128::from(tally.times.logged_in())).unwrap_or(0);
        rates.insert((quarter, agent), rate);
    })?;
    for (of, quarter, agent, ms) in direct {
        let rate = rates.get(&(quarter, agent)).copied().unwrap_or(0);
        if rate > 0 && calls.len() <= ROWS_MAX {
            let spent = calls.entry(of.0).or_default();
            spent.agents += rate * u128::from(ms) * 1000;
            spent.of.get_or_insert(of);
        }
    }
    Ok(())
}
