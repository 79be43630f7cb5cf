//! Under which type of number figures count the cost of a call.

use std::path::Path;

use turno_base::{CallId, Name, QueueId};
use turno_report::kpi::{KpiTerms, Quarter};

use super::Told;
use crate::shell::figures::FigureReader;
use crate::shell::store::StoreError;

/// A stay as figures find it: when it began, where, and of which call.
pub(super) type Stayed = (Quarter, QueueId, CallId);

/// How figures count the calls. Stays are looked up together for a part of a run, those of a quarter and queue in one go: a look-up for
/// each would cost more than rating its call.
#[derive(Debug)]
pub(super) struct Counted<'a> {
    figures: Option<FigureReader>,
    terms: Option<&'a KpiTerms>,
    /// Of the stays that were looked up last, in their order; of a call that was in a queue twice the last.
    types: Vec<(Stayed, Option<Name>)>,
}

impl<'a> Counted<'a> {
    /// By the figures in `dir`; a store whose figures were never counted has none.
    pub(super) fn new(dir: &Path, terms: Option<&'a KpiTerms>) -> Counted<'a> {
        Counted { figures: FigureReader::open(dir).ok(), terms, types: Vec::new() }
    }

    /// Looks up the stays of these calls, and forgets those before.
    pub(super) fn look_up<'t>(&mut self, told: impl Iterator<Item = &'t Told>) -> Result<(), StoreError> {
        self.types.clear();
        let Some(figures) = &self.figures else { return Ok(()) };
        let mut stayed: Vec<Stayed> = told.filter_map(Told::stayed).collect();
        stayed.sort_unstable();
        stayed.dedup();
        let types = &mut self.types;
        for together in stayed.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)) {
            let Some(&(quarter, queue, _)) = together.first() else { continue };
            let calls: Vec<CallId> = together.iter().map(|&(_, _, call)| call).collect();
            figures.number_types(quarter, queue, &calls, |call, kind| {
                let of = (quarter, queue, call);
                match types.last_mut() {
                    Some((known, last)) if *known == of => *last = kind,
                    Some(_) | None => types.push((of, kind)),
                }
            })?;
        }
        Ok(())
    }

    /// As the last stay of the call was counted; without one as the terms say; else as in its record. The call is among those looked up.
    pub(super) fn number_type(&self, told: &Told) -> Option<Name> {
        let as_stay = told.stayed().and_then(|of| {
            let at = self.types.binary_search_by(|(known, _)| known.cmp(&of)).ok()?;
            self.types.get(at).map(|(_, kind)| *kind)
        });
        let as_recorded = || told.dnis_type.and_then(|kind| Name::new(kind.as_str()).ok());
        match (as_stay, self.terms) {
            (Some(kind), _) => kind,
            (None, Some(terms)) => terms.number_type(told.dnis.as_ref().map_or("", |number| number.digits())),
            (None, None) => as_recorded(),
        }
    }
}
