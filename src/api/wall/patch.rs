//! JSON merge patches (RFC 7396): what turns one board into the next.

use serde_json::{Map, Value};

/// The patch from `old` to `new`; none if they are equal.
pub(super) fn between(old: &Value, new: &Value) -> Option<Value> {
    match (old, new) {
        _ if old == new => None,
        (Value::Object(old), Value::Object(new)) => {
            let mut patch = Map::new();
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                patch.insert(key.clone(), Value::Null);
            }
            for (key, value) in new {
                match old.get(key) {
                    Some(before) => {
                        if let Some(inner) = between(before, value) {
                            patch.insert(key.clone(), inner);
                        }
                    }
                    None => {
                        patch.insert(key.clone(), value.clone());
                    }
                }
            }
            Some(Value::Object(patch))
        }
        (_, new) => Some(new.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// RFC 7396 §2, as the page applies it.
    fn apply(target: &mut Value, patch: &Value) {
        let Value::Object(changes) = patch else {
            *target = patch.clone();
            return;
        };
        if !target.is_object() {
            *target = json!({});
        }
        let into = target.as_object_mut().unwrap();
        for (key, value) in changes {
            if value.is_null() {
                into.remove(key);
            } else {
                apply(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
    }

    #[test]
    fn a_patch_turns_the_old_board_into_the_new_one() {
        let boards = [
            json!({"queues": {"ventas": {"waiting": 1}, "general": {"waiting": 0}}, "spark": [1, 2]}),
            json!({"queues": {"ventas": {"waiting": 2, "pct": 80}}, "spark": [2, 3]}),
            json!({"queues": {}, "spark": []}),
            json!({"notice": {"skill": "averias"}}),
        ];
        for old in &boards {
            for new in &boards {
                let mut got = old.clone();
                match between(old, new) {
                    Some(patch) => apply(&mut got, &patch),
                    None => assert_eq!(old, new),
                }
                assert_eq!(&got, new);
            }
        }
    }

    #[test]
    fn what_did_not_change_is_not_sent() {
        let old = json!({"a": {"b": 1, "c": 2}, "d": 3});
        let new = json!({"a": {"b": 1, "c": 4}, "d": 3});
        assert_eq!(between(&old, &new), Some(json!({"a": {"c": 4}})));
    }
}
