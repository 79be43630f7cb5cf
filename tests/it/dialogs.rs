//! Which messages were a call's: its record names the dialogs as its peers had them on the wire.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::calls::text;
use crate::chosen::staffed;
use crate::doors::call;
use crate::house::AVERIAS;
use crate::sipp::phone;

/// Call-ID, From tag and To tag.
type Dialog = (String, String, String);

/// Those of every message with both tags that a peer sent or received.
fn dialogs(messages: &str) -> BTreeSet<Dialog> {
    let value = |message: &str, name: &str| {
        let of = |line: &str| {
            line.split_once(':').filter(|(is, _)| is.eq_ignore_ascii_case(name)).map(|(_, it)| it.trim().to_owned())
        };
        message.lines().find_map(of)
    };
    let tag = |message: &str, name: &str| {
        let value = value(message, name)?;
        let tag = value.split_once(";tag=")?.1.split(';').next()?.to_owned();
        Some(tag)
    };
    // SIPp says `UDP message sent` or `received` before each.
    let all = messages.split("UDP message ");
    all.filter_map(|message| Some((value(message, "Call-ID")?, tag(message, "From")?, tag(message, "To")?))).collect()
}

/// The names that a leg has in its record; where its From and To tags are.
fn named(leg: &Value, from: &str, to: &str) -> Dialog {
    let of = |key: &str| text(leg, key).to_owned();
    (of("/sip_call_id"), of(from), of(to))
}

#[test]
fn the_legs_of_a_record_name_their_dialogs_as_they_are_on_the_wire() {
    let house = staffed(&[("anna", 5)], "", "", "");
    let anna = phone(&house, 0, "agent_answers", Duration::ZERO, 1);
    let caller = call(&house, "612345611", AVERIAS);
    house.until_agent("anna", "talking");
    let (his, hers) = (dialogs(&caller.hang_up()), dialogs(&anna.done_telling()));
    let record = &house.records(1)[0];
    // He called us, and we called her.
    assert!(his.contains(&named(&record["legs"][0], "/remote_tag", "/local_tag")), "{his:?}: {record:#}");
    assert!(hers.contains(&named(&record["legs"][1], "/local_tag", "/remote_tag")), "{hers:?}: {record:#}");
    house.is_clean();
}
