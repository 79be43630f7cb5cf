//! What calls cost and earn: telephony as it was rated, with what rating again posted since, and agents' time at its loaded cost.
//! Sums are exact; a mean is made for printing only.

use std::collections::{BTreeMap, BTreeSet};

use turno_base::Currency;
use turno_report::kpi::{Key, KpiTerms, Purse, Quarter, Tally, Value, of_hours, share_out};
use turno_tariff::again::Posting;

use super::queues::grouped;
use super::sheet::{Cell, Column, Sheet};
use super::{Ask, ReportError, Time};
use crate::shell::figures::FigureReader;
use crate::shell::store::ledger::Ledger;

/// Who pays what we pay, and who pays us, in the price book's words.
pub(super) const COMPANY: &str = "company";
pub(super) const INCOME: &str = "income";

/// What a payer's amounts of one currency come to, at `scale`.
fn sum(purse: &Purse, payer: &str, currency: Currency, scale: u8) -> i128 {
    let amounts = purse.0.iter().filter(|(key, _)| key.payer.as_str() == payer && key.currency == currency);
    amounts.map(|(key, units)| units * 10_i128.pow(u32::from(scale.saturating_sub(key.scale)))).sum()
}

pub(super) fn cost(reader: &FigureReader, ask: &Ask) -> Result<Sheet, ReportError> {
    let mut rows = grouped(reader, ask)?;
    let again = rated_again(reader, ask, &mut rows)?;
    let keys = || rows.values().flat_map(|tally| tally.telephony.0.keys());
    let scale = keys().map(|key| key.scale).max().unwrap_or(0).max(KpiTerms::RATE_SCALE);
    let payers: BTreeSet<String> = keys().map(|key| key.payer.to_string()).collect();
    let others: BTreeSet<&str> =
        keys().filter(|key| key.currency != ask.currency).map(|key| key.currency.as_str()).collect();
    let up = 10_i128.pow(u32::from(scale - KpiTerms::RATE_SCALE));

    let mut columns = vec![
        Column::plain(ask.time_name()),
        Column::plain(ask.part_name()),
        Column::new("calls", "calls, where they first entered"),
        Column::new("handled", "conversations of agents"),
    ];
    columns.extend(payers.iter().map(|payer| Column::new(payer, "rated legs that this party pays, as rated last")));
    columns.push(Column::new("rated_again", "what of company rating again posted, up or down"));
    columns.push(Column::new("agents", "(talk + hold + wrap-up) at the agent's cost per hour"));
    if ask.with_idle {
        columns.push(Column::new(
            "idle",
            "time ready of all agents at their cost, shared out over all calls of the house by the column before",
        ));
    }
    columns.push(Column::new("cost", "company + agents (+ idle)"));
    columns.push(Column::new("cost_per_call", "cost / calls"));
    columns.push(Column::new("margin", "income - cost"));
    columns.push(Column::new("unrated", "legs and parties without an amount"));
    let mut sheet = Sheet::new("Cost", columns);
    sheet.notes.push(format!("amounts in {}; telephony is counted where the call ended up", ask.currency));
    if !others.is_empty() {
        let others: Vec<&str> = others.into_iter().collect();
        sheet.notes.push(format!("amounts in {} are not in these sums", others.join(", ")));
    }
    let weights: Vec<u128> = rows.values().map(|tally| tally.agent_cost).collect();
    let idle = if ask.with_idle { idle(reader, ask, &weights, up)? } else { vec![0; weights.len()] };

    let money = |units: i128| Cell::Money { units, scale, currency: ask.currency };
    let row = |(time, part): (&str, &str), tally: &Tally, again: &Purse, agents: i128, idle: i128| {
        let company = sum(&tally.telephony, COMPANY, ask.currency, scale);
        let cost = company + agents + idle;
        let calls = tally.counts.calls;
        let mut row = vec![Cell::Text(time.to_owned()), Cell::Text(part.to_owned())];
        row.push(Cell::Value(Value::Count(calls)));
        row.push(Cell::Value(Value::Count(tally.counts.handled)));
        row.extend(payers.iter().map(|payer| money(sum(&tally.telephony, payer, ask.currency, scale))));
        row.push(money(sum(again, COMPANY, ask.currency, scale)));
        row.push(money(agents));
        if ask.with_idle {
            row.push(money(idle));
        }
        row.push(money(cost));
        row.push(if calls == 0 { Cell::Nothing } else { money(halves_up(cost, calls.into())) });
        row.push(money(sum(&tally.telephony, INCOME, ask.currency, scale) - cost));
        row.push(Cell::Value(Value::Count(tally.counts.unrated)));
        row
    };
    // The total is rounded once; its rows are the shares of it, so that they add up to the unit.
    let (mut all, mut all_again, none) = (Tally::default(), Purse::default(), Purse::default());
    rows.values().for_each(|tally| all.merge(tally));
    again.values().for_each(|again| all_again.merge(again));
    let agents = of_hours(all.agent_cost * up.unsigned_abs());
    let shares = share_out(agents, &weights);
    for (((of, tally), agents), idle) in rows.iter().zip(&shares).zip(&idle) {
        sheet.rows.push(row((&of.0.label, &of.1), tally, again.get(of).unwrap_or(&none), *agents, *idle));
    }
    if rows.len() > 1 {
        sheet.rows.push(row(("total", "all"), &all, &all_again, agents, idle.iter().sum()));
    }
    Ok(sheet)
}

/// `amount / count`, the middle away from zero.
fn halves_up(amount: i128, count: i128) -> i128 {
    let sign = if amount < 0 { -1 } else { 1 };
    sign * ((2 * amount.abs() + count) / (2 * count))
}

/// By time and what the row is about.
type Rows<T> = BTreeMap<(Time, String), T>;

/// Adds what rating again posted to the amounts of the rows that count the calls; it alone, by row.
fn rated_again(reader: &FigureReader, ask: &Ask, rows: &mut Rows<Tally>) -> Result<Rows<Purse>, ReportError> {
    let mut again = Rows::new();
    let Some(ledger) = Ledger::read(reader.dir())? else { return Ok(again) };
    let range = ask.range();
    ledger.each_counted(&(range.start.begins()..range.end.begins()), |entry| {
        let quarter = Quarter::of(entry.counted);
        let key = Key { quarter, queue: entry.queue, segment: entry.segment, number_type: entry.number_type };
        if !ask.wants(&key) {
            return;
        }
        let row = (ask.time(quarter), ask.part(&key));
        let Posting { of, difference, .. } = entry.posting;
        let tally = rows.entry(row.clone()).or_default();
        tally.telephony.add(of.payer.0, difference);
        tally.counts.unrated = tally.counts.unrated.saturating_sub(u64::from(entry.was_unrated));
        again.entry(row).or_insert_with(Purse::default).add(of.payer.0, difference);
    })?;
    Ok(again)
}

/// What each row bears of the idle time of all agents. Nobody is idle for one queue alone: who asks for a part of the house
/// gets the part's share, as in the report of all of it.
fn idle(reader: &FigureReader, ask: &Ask, weights: &[u128], up: i128) -> Result<Vec<i128>, ReportError> {
    let mut idle = 0;
    reader.each_agent(&ask.range(), |_, _, tally| idle += tally.cost_ready)?;
    let idle = of_hours(idle) * up;
    if ask.queue.is_none() && ask.segment.is_none() {
        return Ok(share_out(idle, weights));
    }
    let mut house = 0_u128;
    reader.each_tally(&ask.range(), |_, tally| house += tally.agent_cost)?;
    let rest = house.saturating_sub(weights.iter().sum());
    let parts: Vec<u128> = std::iter::once(rest).chain(weights.iter().copied()).collect();
    Ok(share_out(idle, &parts).split_off(1))
}
