//! What must not lie in a trace that is passed around: digest responses and basic credentials (an offline guess of the password
//! begins with them), keys of media (RFC 4568) and passwords of ICE. Lengths stay, so that the message stays whole.

/// Parameters whose value is blanked wherever they stand in the head.
const PARAMS: [&[u8]; 2] = [b"response=", b"rspauth="];
/// What stands before a secret in a line of a body.
const BODY: [&[u8]; 2] = [b"inline:", b"a=ice-pwd:"];
const BASIC: &[u8] = b"basic ";

/// Blanks secrets in place.
pub(super) fn mask(bytes: &mut [u8]) {
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(bytes.len());
    let (head, body) = bytes.split_at_mut(head);
    for name in PARAMS {
        each(head, name, |rest| blank(rest, |b| matches!(b, b'"' | b',' | b'\r' | b'\n' | b' ' | b'\t')));
    }
    each(head, BASIC, |rest| blank(rest, |b| matches!(b, b',' | b'\r' | b'\n')));
    for name in BODY {
        each(body, name, |rest| blank(rest, |b| matches!(b, b'|' | b' ' | b'\r' | b'\n')));
    }
}

/// Calls `on` with what follows each `name`, whatever its case.
fn each(bytes: &mut [u8], name: &[u8], mut on: impl FnMut(&mut [u8])) {
    let mut at = 0;
    while let Some(found) =
        bytes.get(at..).and_then(|rest| rest.windows(name.len()).position(|w| w.eq_ignore_ascii_case(name)))
    {
        at += found + name.len();
        if let Some(rest) = bytes.get_mut(at..) {
            on(rest);
        }
    }
}

/// Up to the end of the value, which may stand in quotation marks.
fn blank(rest: &mut [u8], ends: impl Fn(u8) -> bool) {
    let quoted = rest.first() == Some(&b'"');
    for byte in rest.iter_mut().skip(usize::from(quoted)) {
        if ends(*byte) {
            return;
        }
        *byte = b'x';
    }
}
