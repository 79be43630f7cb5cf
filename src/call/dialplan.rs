//! The dial plan, indexed: which plan a number that arrived by a trunk has, and which trunks a number outside may use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turno_base::{E164, Number, TrunkId};

use crate::plan::{CallConfig, ClassOfService, Route};

/// Routes by what they match, so that a look-up costs the length of the number and not the number of routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DialPlan {
    exact: BTreeMap<String, Vec<Route>>,
    prefix: BTreeMap<String, Vec<Route>>,
}

impl DialPlan {
    pub(crate) fn new(config: &CallConfig) -> DialPlan {
        let mut plan = DialPlan::default();
        for route in &config.routes {
            let (index, key) = match route.dnis.strip_suffix('*') {
                Some(prefix) => (&mut plan.prefix, prefix),
                None => (&mut plan.exact, route.dnis.as_str()),
            };
            index.entry(key.to_owned()).or_default().push(route.clone());
        }
        plan
    }

    /// The route of `dnis` by `trunk`: exact before prefix, longest prefix first, `*` last; at one length a route for
    /// this trunk before one for all. The number is tried as received, then in canonical form with and without `+`.
    pub(crate) fn route(&self, dnis: &Number, trunk: TrunkId) -> Option<&Route> {
        let canonical = dnis.e164.map(|number| number.to_string());
        let plus = canonical.as_deref().unwrap_or("");
        let forms = [dnis.raw.as_str(), plus, plus.trim_start_matches('+')];
        let given = || forms.iter().filter(|form| !form.is_empty());
        let exact = given().find_map(|form| pick(self.exact.get(*form)?, trunk));
        exact
            .or_else(|| given().find_map(|form| self.longest(form, trunk)))
            .or_else(|| pick(self.prefix.get("")?, trunk))
    }

    fn longest(&self, dialled: &str, trunk: TrunkId) -> Option<&Route> {
        let ends = dialled.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
        ends.filter_map(|end| dialled.get(..end)).find_map(|prefix| pick(self.prefix.get(prefix)?, trunk))
    }
}

fn pick(routes: &[Route], trunk: TrunkId) -> Option<&Route> {
    let own = routes.iter().find(|route| route.trunk == Some(trunk));
    own.or_else(|| routes.iter().find(|route| route.trunk.is_none()))
}

/// The trunks that carry `number` for this class; none if it may not be called.
pub(crate) fn trunks<'a>(class: &'a ClassOfService, number: &str) -> Option<&'a [TrunkId]> {
    let fitting = class.allow.iter().filter(|(prefix, _)| number.starts_with(prefix.as_str()));
    fitting.max_by_key(|(prefix, _)| prefix.len()).map(|(_, trunks)| trunks.as_slice())
}

/// Whether the class of service of callbacks carries this number. Without such a class nobody is called back.
pub(crate) fn may_call_back(config: &CallConfig, number: E164) -> bool {
    let class = config.callback_class.as_ref().and_then(|name| config.outside.get(name));
    class.and_then(|class| trunks(class, &number.to_string())).is_some_and(|trunks| !trunks.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use turno_base::StationId;

    fn config(routes: &[(&str, Option<&str>, &str)]) -> CallConfig {
        let route = |&(dnis, trunk, station): &(&str, Option<&str>, &str)| Route {
            dnis: dnis.into(),
            trunk: trunk.map(|name| TrunkId::new(name).unwrap()),
            plan: Plan::Station(StationId::new(station).unwrap()),
            answer: None,
        };
        CallConfig { routes: routes.iter().map(route).collect(), ..CallConfig::default() }
    }

    #[test]
    fn exact_before_prefix_longest_prefix_first_and_a_trunks_own_route_before_the_common_one() {
        let plan = DialPlan::new(&config(&[
            ("*", None, "rest"),
            ("91*", None, "madrid"),
            ("9123*", None, "long"),
            ("912345678", Some("pbx"), "did-pbx"),
            ("912345678", None, "did"),
            ("93*", Some("pbx"), "pbx-only"),
            ("+34600*", None, "mobile"),
        ]));
        for (raw, e164, trunk, station) in [
            ("912345678", None, "tel", Some("did")),
            ("912345678", None, "pbx", Some("did-pbx")),
            ("912399999", None, "tel", Some("long")),
            ("910000000", None, "tel", Some("madrid")),
            ("930000000", None, "pbx", Some("pbx-only")),
            ("930000000", None, "tel", Some("rest")), // the prefix is another trunk's
            ("600111222", Some("+34600111222"), "tel", Some("mobile")),
            ("", None, "tel", Some("rest")),
            ("ñandú", None, "tel", Some("rest")),
        ] {
            let dnis = Number { raw: raw.into(), e164: e164.map(|n: &str| n.parse().unwrap()), withheld: false };
            let got = plan.route(&dnis, TrunkId::new(trunk).unwrap());
            let want = station.map(|name| Plan::Station(StationId::new(name).unwrap()));
            assert_eq!(got.map(|route| &route.plan), want.as_ref(), "{raw} by {trunk}");
        }
    }

    #[test]
    fn a_number_nobody_routed_has_no_plan() {
        let plan = DialPlan::new(&config(&[("91*", None, "x")]));
        let dnis = Number { raw: "88".into(), ..Number::default() };
        assert_eq!(plan.route(&dnis, TrunkId::new("tel").unwrap()), None);
    }

    #[test]
    fn the_longest_prefix_of_a_class_names_the_trunks() {
        let (a, b) = (TrunkId::new("a").unwrap(), TrunkId::new("b").unwrap());
        let class = ClassOfService { allow: vec![("6".into(), vec![a]), ("60".into(), vec![b, a])], calls_max: 1 };
        for (number, want) in [("611", Some(&[a][..])), ("601", Some(&[b, a][..])), ("0034", None), ("", None)] {
            assert_eq!(trunks(&class, number), want, "{number}");
        }
    }
}
