//! What calls cost and earn: telephony as it was rated, and agents' time at its loaded cost. Sums are exact; a mean is made for
//! printing only.

use std::collections::BTreeSet;

use turno_base::Currency;
use turno_report::kpi::{KpiTerms, Purse, Tally, Value, of_hours, share_out};

use super::queues::grouped;
use super::sheet::{Cell, Column, Sheet};
use super::{Ask, ReportError};
use crate::shell::figures::FigureReader;

/// Who pays what we pay, and who pays us, in the price book's words.
const COMPANY: &str = "company";
const INCOME: &str = "income";

/// What a payer's amounts of one currency come to, at `scale`.
fn sum(purse: &Purse, payer: &str, currency: Currency, scale: u8) -> i128 {
    let amounts = purse.0.iter().filter(|(key, _)| key.payer.as_str() == payer && key.currency == currency);
    amounts.map(|(key, units)| units * 10_i128.pow(u32::from(scale.saturating_sub(key.scale)))).sum()
}

pub(super) fn cost(reader: &FigureReader, ask: &Ask) -> Result<Sheet, ReportError> {
    let rows = grouped(reader, ask)?;
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
    columns.extend(payers.iter().map(|payer| Column::new(payer, "rated legs that this party pays")));
    columns.push(Column::new("agents", "(talk + hold + wrap-up) at the agent's cost per hour"));
    if ask.with_idle {
        columns.push(Column::new("idle", "agents' time ready at their cost, shared out by the column before"));
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
    let idle = if ask.with_idle { share_out(idle_of(reader, ask)? * up, &weights) } else { vec![0; weights.len()] };

    let money = |units: i128| Cell::Money { units, scale, currency: ask.currency };
    let row = |time: &str, part: &str, tally: &Tally, agents: i128, idle: i128| {
        let company = sum(&tally.telephony, COMPANY, ask.currency, scale);
        let cost = company + agents + idle;
        let calls = tally.counts.calls;
        let mut row = vec![Cell::Text(time.to_owned()), Cell::Text(part.to_owned())];
        row.push(Cell::Value(Value::Count(calls)));
        row.push(Cell::Value(Value::Count(tally.counts.handled)));
        row.extend(payers.iter().map(|payer| money(sum(&tally.telephony, payer, ask.currency, scale))));
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
    let mut all = Tally::default();
    rows.values().for_each(|tally| all.merge(tally));
    let agents = of_hours(all.agent_cost * up.unsigned_abs());
    let shares = share_out(agents, &weights);
    for ((((time, part), tally), agents), idle) in rows.iter().zip(&shares).zip(&idle) {
        sheet.rows.push(row(time, part, tally, *agents, *idle));
    }
    if rows.len() > 1 {
        sheet.rows.push(row("total", "all", &all, agents, idle.iter().sum()));
    }
    Ok(sheet)
}

/// `amount / count`, the middle away from zero.
fn halves_up(amount: i128, count: i128) -> i128 {
    let sign = if amount < 0 { -1 } else { 1 };
    sign * ((2 * amount.abs() + count) / (2 * count))
}

fn idle_of(reader: &FigureReader, ask: &Ask) -> Result<i128, ReportError> {
    let mut idle = 0;
    reader.each_agent(&ask.range(), |_, _, tally| idle += tally.cost_ready)?;
    Ok(of_hours(idle))
}
