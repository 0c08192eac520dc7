//! Decodes the bytes of the terminal into inputs of the model: ECMA-48 sequences as sent by xterm and similar
//! terminals, and their mouse reports (SGR 1006).

use super::model::{Input, Key};

/// Longest sequence in bytes; longer ones are ignored.
const LONGEST: usize = 64;

/// Decoder that takes bytes as they come and keeps incomplete sequences.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    rest: Vec<u8>,
}

/// Decoded input and the number of bytes it took; None when more bytes are needed.
type Step = Option<(Option<Input>, usize)>;

impl Decoder {
    /// Inputs that are complete with these bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Input> {
        self.rest.extend_from_slice(bytes);
        let mut inputs = Vec::new();
        while !self.rest.is_empty() {
            let Some((input, used)) = step(&self.rest) else {
                break;
            };
            inputs.extend(input);
            self.rest.drain(..used);
        }
        inputs
    }

    /// Ends the wait for more bytes: a single escape byte is the Escape key, any other incomplete sequence is dropped.
    pub(super) fn settle(&mut self) -> Option<Input> {
        let rest = std::mem::take(&mut self.rest);
        (rest == [ESCAPE]).then_some(Input::Key(Key::Escape))
    }
}

const ESCAPE: u8 = 0x1b;

fn step(bytes: &[u8]) -> Step {
    let key = |key| Some((Some(Input::Key(key)), 1));
    match bytes[0] {
        ESCAPE => sequence(bytes),
        b'\r' | b'\n' => key(Key::Enter),
        b'\t' => key(Key::Tab),
        0x08 | 0x7f => key(Key::Backspace),
        control @ 0x01..=0x1a => key(Key::Control(char::from(control - 1 + b'a'))),
        0x00..=0x1f => Some((None, 1)),
        _ => character(bytes),
    }
}

fn character(bytes: &[u8]) -> Step {
    let wanted = match bytes[0] {
        0x00..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((None, 1)),
    };
    let text = std::str::from_utf8(bytes.get(..wanted)?);
    let read = text.ok().and_then(|text| text.chars().next());
    Some(match read {
        Some(c) => (Some(Input::Key(Key::Char(c))), wanted),
        None => (None, 1),
    })
}

fn sequence(bytes: &[u8]) -> Step {
    match *bytes.get(1)? {
        b'[' => control(bytes),
        b'O' => Some((cursor_key(*bytes.get(2)?).map(Input::Key), 3)),
        // The Escape key, followed quickly by another one.
        _ => Some((Some(Input::Key(Key::Escape)), 1)),
    }
}

/// Decodes a control sequence: parameters, then one final byte.
fn control(bytes: &[u8]) -> Step {
    // Function keys of the Linux console have two brackets.
    let from = if bytes.get(2) == Some(&b'[') { 3 } else { 2 };
    let last = bytes[from..]
        .iter()
        .position(|byte| (0x40..=0x7e).contains(byte));
    let Some(end) = last.map(|at| from + at) else {
        return (bytes.len() > LONGEST).then_some((None, bytes.len()));
    };
    let parameters = std::str::from_utf8(&bytes[from..end]).unwrap_or("");
    let input = match bytes[end] {
        _ if from == 3 => None,
        b'~' => numbered_key(parameters).map(Input::Key),
        b'Z' => Some(Input::Key(Key::BackTab)),
        b'I' => Some(Input::Redraw),
        b'M' => parameters.strip_prefix('<').and_then(mouse),
        last => cursor_key(last).map(Input::Key),
    };
    Some((input, end + 1))
}

fn cursor_key(last: u8) -> Option<Key> {
    Some(match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        _ => return None,
    })
}

fn numbered_key(parameters: &str) -> Option<Key> {
    Some(match parameters.split(';').next()? {
        "1" | "7" => Key::Home,
        "4" | "8" => Key::End,
        "5" => Key::PageUp,
        "6" => Key::PageDown,
        _ => return None,
    })
}

/// Decodes a mouse report with a pressed button: button and modifiers, column and row, counted from 1.
fn mouse(parameters: &str) -> Option<Input> {
    const MODIFIERS: u16 = 4 | 8 | 16;
    let mut numbers = parameters
        .split(';')
        .map(|number| number.parse::<u16>().ok());
    let mut next = || numbers.next().flatten();
    let (button, x, y) = (next()?, next()?.checked_sub(1)?, next()?.checked_sub(1)?);
    match button & !MODIFIERS {
        0 => Some(Input::Click { x, y }),
        64 => Some(Input::Scroll { up: true }),
        65 => Some(Input::Scroll { up: false }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(inputs: Vec<Input>) -> String {
        let words = inputs.iter().map(|input| match input {
            Input::Key(key) => format!("{key:?}"),
            other => format!("{other:?}"),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_keys_send() {
        #[track_caller]
        fn check(bytes: &str, expected: &str) {
            let mut decoder = Decoder::default();
            assert_eq!(told(decoder.take(bytes.as_bytes())), expected);
            // The same input byte by byte.
            let mut decoder = Decoder::default();
            let single = bytes.bytes().flat_map(|byte| decoder.take(&[byte]));
            assert_eq!(told(single.collect()), expected, "in pieces");
        }
        check("jé例", "Char('j') Char('é') Char('例')");
        check("\r\t\x7f\x08", "Enter Tab Backspace Backspace");
        check("\x03\x1a\x15\0", "Control('c') Control('z') Control('u')");
        check(
            "\x1b[A\x1bOB\x1b[1;5C\x1b[D\x1b[Z",
            "Up Down Right Left BackTab",
        );
        check(
            "\x1b[5~\x1b[6~\x1b[H\x1b[4~\x1b[1~\x1bOF",
            "PageUp PageDown Home End Home End",
        );
        check("\x1b[3~\x1b[15~\x1b[[Ax\x1b[200~", "Char('x')");
        check("\x1bq\x1b\x1b[A", "Escape Char('q') Escape Up");
        check("\x1b[I\x1b[O", "Redraw");
        check(
            "\x1b[<0;3;5M\x1b[<0;3;5m\x1b[<64;1;1M\x1b[<81;1;1M\x1b[<35;9;9M\x1b[<0;0;1M",
            "Click { x: 2, y: 4 } Scroll { up: true } Scroll { up: false }",
        );
    }

    #[test]
    fn an_escape_by_itself_is_the_key() {
        let mut decoder = Decoder::default();
        assert_eq!(told(decoder.take(b"\x1b")), "");
        assert_eq!(told(decoder.settle().into_iter().collect()), "Escape");
        assert_eq!(told(decoder.take(b"\x1b[")), "");
        assert!(decoder.settle().is_none() && decoder.settle().is_none());
        assert_eq!(told(decoder.take(b"x")), "Char('x')");
    }

    #[test]
    fn no_bytes_panic_or_stay_for_ever() {
        proptest::proptest!(|(pieces in proptest::collection::vec(proptest::collection::vec(0u8.., 0..40), 0..20))| {
            let mut decoder = Decoder::default();
            for piece in pieces {
                decoder.take(&piece);
                proptest::prop_assert!(decoder.rest.len() <= LONGEST + 40);
            }
        });
    }
}
