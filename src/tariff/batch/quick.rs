//! The quick way through the line that nearly every line is: `rate` with a tariff that was seen before, keys known and each there
//! once, nothing escaped. Whatever else a line has is for the thorough way, which says the same of this one.

use super::Known;
use super::input::JsonCall;
use crate::json::Scalar;

/// What a line asks for.
#[derive(Debug)]
pub(super) struct Quick<'a> {
    /// As it was written.
    pub(super) id: &'a str,
    /// Place of the tariff among the known ones.
    pub(super) tariff: usize,
    pub(super) call: Option<JsonCall<'a>>,
    pub(super) party: Option<Scalar<'a>>,
}

/// None: look closer. `last`: place of the tariff that is likeliest.
pub(super) fn rate<'a>(line: &'a str, known: &[Known], last: usize) -> Option<Quick<'a>> {
    let mut text = Text { line, at: 0 };
    let (mut id, mut op, mut input) = (None, None, None);
    text.object(|text, key| match key {
        "id" => put(&mut id, text.written()?),
        "op" => put(&mut op, text.string()?),
        "input" => {
            let (mut tariff, mut call, mut party) = (None, None, None);
            text.object(|text, key| match key {
                "tariff" => put(&mut tariff, text.tariff(known, last)?),
                "call" => put(&mut call, text.call()?),
                "party" => put(&mut party, Scalar::borrowed(text.string()?)),
                _ => None,
            })?;
            put(&mut input, (tariff?, call, party))
        }
        _ => None,
    })?;
    text.space();
    let (tariff, call, party) = input?;
    (text.at == line.len() && op? == "rate").then_some(Quick { id: id?, tariff, call, party })
}

/// None: it is there already, and which of them counts is not decided here.
fn put<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

struct Text<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Text<'a> {
    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Keys and values up to the closing brace.
    fn object(&mut self, mut each: impl FnMut(&mut Text<'a>, &'a str) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        loop {
            let key = self.string()?;
            self.take(b':')?;
            self.space();
            each(self, key)?;
            self.space();
            let next = self.peek()?;
            self.at += 1;
            match next {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Text without escapes and control characters.
    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let rest = self.line.as_bytes().get(self.at..)?;
        let length = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < b' ')?;
        let text = self.line.get(self.at..self.at + length)?;
        self.at += length;
        self.take(b'"')?;
        Some(text)
    }

    /// A whole number or one with a point, as JSON writes them.
    fn number(&mut self) -> Option<&'a str> {
        let from = self.at;
        self.at += usize::from(self.peek()? == b'-');
        let whole = self.digits()?;
        if whole.len() > 1 && whole.starts_with('0') {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        // An exponent follows, or nothing that belongs to it.
        if matches!(self.peek(), Some(b'e' | b'E')) {
            return None;
        }
        self.line.get(from..self.at)
    }

    fn digits(&mut self) -> Option<&'a str> {
        let rest = self.line.as_bytes().get(self.at..)?;
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = self.line.get(self.at..self.at + length).filter(|digits| !digits.is_empty())?;
        self.at += length;
        Some(digits)
    }

    /// Text with its quotes, or a number.
    fn written(&mut self) -> Option<&'a str> {
        let from = self.at;
        match self.peek()? {
            b'"' => self.string().map(drop)?,
            _ => self.number().map(drop)?,
        }
        self.line.get(from..self.at)
    }

    fn scalar(&mut self) -> Option<Scalar<'a>> {
        let text = match self.peek()? {
            b'"' => self.string()?,
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            _ => self.number()?,
        };
        Some(Scalar::borrowed(text))
    }

    fn word(&mut self, word: &'static str) -> Option<&'a str> {
        let text = self.line.get(self.at..self.at + word.len()).filter(|text| *text == word)?;
        self.at += word.len();
        Some(text)
    }

    /// The place of a tariff that was seen before. A JSON object ends where its brace does, so what begins with the text of a known
    /// one is that one.
    fn tariff(&mut self, known: &[Known], last: usize) -> Option<usize> {
        let text = &known.get(last)?.text;
        self.line.get(self.at..)?.starts_with(text.as_str()).then(|| self.at += text.len())?;
        Some(last)
    }

    fn call(&mut self) -> Option<JsonCall<'a>> {
        let mut call = JsonCall::default();
        self.object(|text, key| {
            let part = match key {
                "a" => &mut call.a,
                "b" => &mut call.b,
                "answer" => &mut call.answer,
                "end" => &mut call.end,
                "duration_ms" => &mut call.duration_ms,
                "answered" => &mut call.answered,
                _ => return None,
            };
            put(part, text.scalar()?)
        })?;
        Some(call)
    }
}
