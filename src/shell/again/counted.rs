//! Under which type of number figures count the cost of a call.

use std::collections::BTreeMap;
use std::path::Path;

use turno_base::{CallId, Name, QueueId};
use turno_report::kpi::{KpiTerms, Quarter};
use turno_tariff::cdr::Stay;

use super::Told;
use crate::shell::figures::FigureReader;
use crate::shell::store::StoreError;

/// Quarters whose stays are in memory: calls come in the order of their arrival, and enter a queue soon after.
const QUARTERS_HELD: usize = 8;

/// Stays of a quarter by queue and call, each with the type of number that it is counted under; of a call that was there twice the last.
type Types = Vec<((QueueId, CallId), Option<Name>)>;

/// How figures count the calls. Stays are read by the quarter: a look-up for each would cost more than rating its call.
#[derive(Debug)]
pub(super) struct Counted<'a> {
    figures: Option<FigureReader>,
    terms: Option<&'a KpiTerms>,
    quarters: BTreeMap<Quarter, Types>,
}

impl<'a> Counted<'a> {
    /// By the figures in `dir`; a store whose figures were never counted has none.
    pub(super) fn new(dir: &Path, terms: Option<&'a KpiTerms>) -> Counted<'a> {
        Counted { figures: FigureReader::open(dir).ok(), terms, quarters: BTreeMap::new() }
    }

    /// As the last stay of the call was counted; without one as the terms say; else as in its record.
    pub(super) fn number_type(&mut self, told: &Told) -> Result<Option<Name>, StoreError> {
        let as_stay = match told.stay {
            Some(stay) => self.of_stay(told.call, stay)?,
            None => None,
        };
        let as_recorded = || told.dnis_type.and_then(|kind| Name::new(kind.as_str()).ok());
        Ok(match (as_stay, self.terms) {
            (Some(kind), _) => kind,
            (None, Some(terms)) => terms.number_type(told.dnis.as_ref().map_or("", |number| number.digits())),
            (None, None) => as_recorded(),
        })
    }

    fn of_stay(&mut self, call: CallId, stay: Stay) -> Result<Option<Option<Name>>, StoreError> {
        let Some(figures) = &self.figures else { return Ok(None) };
        let quarter = Quarter::of(stay.entered);
        if !self.quarters.contains_key(&quarter) {
            let types = types(figures, quarter)?;
            if self.quarters.len() >= QUARTERS_HELD {
                self.quarters.pop_first();
            }
            self.quarters.insert(quarter, types);
        }
        let of = (stay.queue, call);
        let found = self.quarters.get(&quarter).and_then(|types| {
            let behind = types.partition_point(|(known, _)| *known <= of);
            types.get(behind.checked_sub(1)?).filter(|(known, _)| *known == of)
        });
        Ok(found.map(|(_, kind)| *kind))
    }
}

fn types(figures: &FigureReader, quarter: Quarter) -> Result<Types, StoreError> {
    let mut types = Types::new();
    figures.each_entry(&(quarter..Quarter(quarter.0 + 1)), None, |entry| {
        types.extend(entry.key.queue.map(|queue| ((queue, entry.call), entry.key.number_type)));
    })?;
    // Stays of one call in one queue stay in their order: the last is what counts.
    types.sort_by_key(|(of, _)| *of);
    Ok(types)
}
