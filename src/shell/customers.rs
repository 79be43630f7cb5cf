//! Who calls: the portfolio in memory, outside the engine so that no snapshot carries it; replaced whole by a reload.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use turno_base::{E164, SegmentId};
use turno_call::Customer;
use turno_customers::Portfolio;

use crate::shell::config::Settings;

/// Looks customers up; all copies see a replacement.
#[derive(Clone, Debug)]
pub struct Customers {
    shared: Arc<RwLock<Known>>,
}

#[derive(Debug)]
struct Known {
    portfolio: Portfolio,
    segment_default: SegmentId,
    /// Value of each segment, for customers without one of their own.
    values: BTreeMap<SegmentId, u32>,
}

impl Known {
    fn new(settings: &Settings) -> Known {
        let engine = &settings.engine;
        Known {
            portfolio: settings.portfolio.clone(),
            segment_default: engine.segment_default,
            values: engine.acd.segments.iter().map(|(segment, rules)| (*segment, rules.value_pm)).collect(),
        }
    }
}

impl Customers {
    /// The portfolio of `settings`.
    pub fn new(settings: &Settings) -> Customers {
        Customers { shared: Arc::new(RwLock::new(Known::new(settings))) }
    }

    /// From now on the portfolio of `settings`.
    pub fn replace(&self, settings: &Settings) {
        *self.shared.write().unwrap_or_else(PoisonError::into_inner) = Known::new(settings);
    }

    /// Who has this number; none: nobody. Memory only: microseconds.
    pub fn look_up(&self, number: E164) -> Option<Customer> {
        let known = self.shared.read().unwrap_or_else(PoisonError::into_inner);
        let found = known.portfolio.by_number(number)?;
        let segment = found.segment.filter(|s| known.values.contains_key(s)).unwrap_or(known.segment_default);
        let value_pm = found.value_pm.or_else(|| known.values.get(&segment).copied()).unwrap_or(0);
        Some(Customer {
            id: Some(found.id.to_owned()),
            shown: found.name.to_owned(),
            segment,
            value_pm,
            language: found.language,
            // The portfolio does not name owners.
            owner: None,
        })
    }
}
