//! A terminal that interprets the bytes sent to it, with as much of ECMA-48 as the live screen uses.

/// Cells of a terminal.
#[derive(Debug)]
pub struct Grid {
    rows: Vec<Vec<char>>,
    at: (usize, usize),
    /// Bytes of a character or sequence that is not complete.
    rest: Vec<u8>,
}

impl Grid {
    /// Makes an empty terminal.
    pub fn new((width, height): (u16, u16)) -> Self {
        Self {
            rows: vec![vec![' '; width.into()]; height.into()],
            at: (0, 0),
            rest: Vec::new(),
        }
    }

    /// Takes bytes sent to the terminal.
    pub fn take(&mut self, bytes: &[u8]) {
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(bytes);
        let valid = match std::str::from_utf8(&rest) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let mut text = std::str::from_utf8(rest.get(..valid).unwrap_or_default()).unwrap_or("");
        while let Some(c) = text.chars().next() {
            let Some(used) = self.step(text, c) else {
                break;
            };
            text = text.get(used..).unwrap_or("");
        }
        let used = valid - text.len();
        self.rest = rest.split_off(used);
    }

    /// Takes one character or sequence and gives its length in bytes; None when it is not complete.
    fn step(&mut self, text: &str, c: char) -> Option<usize> {
        if c != '\x1b' {
            self.print(c);
            return Some(c.len_utf8());
        }
        let Some(sequence) = text.strip_prefix("\x1b[") else {
            return (text.len() > 1).then_some(2);
        };
        let end = sequence.find(|c: char| ('@'..='~').contains(&c))?;
        self.control(&sequence[..end], sequence[end..].chars().next()?);
        Some(2 + end + 1)
    }

    fn control(&mut self, parameters: &str, last: char) {
        match last {
            'H' => {
                let mut numbers = parameters.split(';').map(|n| n.parse().unwrap_or(1usize));
                let mut next = || numbers.next().unwrap_or(1).saturating_sub(1);
                self.at = (next(), next());
            }
            'J' => self.rows.iter_mut().for_each(|row| row.fill(' ')),
            _ => {}
        }
    }

    fn print(&mut self, c: char) {
        match c {
            '\r' => self.at.1 = 0,
            '\n' => self.at.0 += 1,
            c => {
                let row = self.rows.get_mut(self.at.0);
                if let Some(cell) = row.and_then(|row| row.get_mut(self.at.1)) {
                    *cell = c;
                }
                self.at.1 += 1;
            }
        }
    }

    /// Lines of the terminal, without spaces at their ends.
    pub fn text(&self) -> String {
        let lines = self.rows.iter().map(|row| {
            let line: String = row.iter().collect();
            line.trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_where_it_was_put() {
        let mut grid = Grid::new((6, 3));
        for piece in ["\x1b[2J\x1b[2;3Hab\x1b[1", ";31mc\x1b[?25l\x1b[1;1", "Hx"] {
            grid.take(piece.as_bytes());
        }
        assert_eq!(grid.text(), "x\n  abc\n");
        let (first, second) = "é".as_bytes().split_at(1);
        grid.take(b"\x1b[3;6H");
        grid.take(first);
        grid.take(second);
        assert_eq!(grid.text(), "x\n  abc\n     é");
    }
}
