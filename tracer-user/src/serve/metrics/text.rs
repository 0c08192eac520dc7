//! Text formats: that of Prometheus (0.0.4) and OpenMetrics (1.0.0), which differ in a few words.

use super::{
    family::{Family, Labels, Type},
    rising::{BOUNDS_NS, CELLS, RisingDurations},
    writer::Writer,
};

/// Writer of text. A sample is put together from parts that are ready, because there may be hundreds of thousands.
#[derive(Debug)]
pub(super) struct Text {
    out: Vec<u8>,
    is_open_metrics: bool,
    /// Ends of the labels of a histogram's samples: the bounds.
    bounds: [String; CELLS],
    name: String,
    /// Beginnings of samples, up to the labels of the host.
    start: String,
    bucket: String,
    sum: String,
    count: String,
}

impl Text {
    /// Makes a writer into this room, which is empty.
    pub(super) fn new(is_open_metrics: bool, room: Vec<u8>) -> Self {
        Self {
            out: room,
            is_open_metrics,
            bounds: std::array::from_fn(|at| {
                let bound = BOUNDS_NS.get(at);
                let bound = bound.map_or_else(|| "+Inf".to_owned(), |&ns| number(ns as f64 / 1e9));
                format!("le=\"{bound}\"}} ")
            }),
            name: String::new(),
            start: String::new(),
            bucket: String::new(),
            sum: String::new(),
            count: String::new(),
        }
    }

    /// Name of the family in the lines about it.
    fn described(&self, family: &Family) -> String {
        match self.is_open_metrics {
            true => family.name.clone(),
            false => family.sample(),
        }
    }

    fn type_of(&self, family: &Family) -> &'static str {
        match family.kind {
            Type::Counter => "counter",
            Type::Histogram => "histogram",
            Type::Info if self.is_open_metrics => "info",
            Type::Gauge | Type::Info => "gauge",
        }
    }

    /// Writes a sample's beginning and labels, with a brace after them.
    fn begin(out: &mut Vec<u8>, start: &str, labels: &Labels) {
        out.extend_from_slice(start.as_bytes());
        let is_first = start.ends_with('{');
        match (is_first, labels.text.is_empty()) {
            (true, true) => {
                out.pop();
            }
            (true, false) => {
                out.extend_from_slice(labels.text.as_bytes());
                out.push(b'}');
            }
            (false, true) => out.push(b'}'),
            (false, false) => {
                out.push(b',');
                out.extend_from_slice(labels.text.as_bytes());
                out.push(b'}');
            }
        }
        out.push(b' ');
    }

    fn line(&mut self, parts: &[&str]) {
        parts
            .iter()
            .for_each(|part| self.out.extend_from_slice(part.as_bytes()));
        self.out.push(b'\n');
    }
}

impl Writer for Text {
    fn family(&mut self, family: &Family) {
        let name = self.described(family);
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        self.line(&["# HELP ", &name, " ", &help]);
        self.line(&["# TYPE ", &name, " ", self.type_of(family)]);
        if let Some(unit) = family.unit.filter(|_| self.is_open_metrics) {
            self.line(&["# UNIT ", &name, " ", unit]);
        }
        self.name = family.sample();
    }

    fn labels(&mut self, labels: &Labels) {
        let start = |end| format!("{}{end}{{{}", self.name, labels.text);
        self.start = start("");
        self.bucket = start("_bucket");
        self.sum = start("_sum");
        self.count = start("_count");
    }

    fn number(&mut self, labels: &Labels, value: f64) {
        Self::begin(&mut self.out, &self.start, labels);
        if value.fract() == 0.0 && (0.0..1e15).contains(&value) {
            whole(&mut self.out, value as u64);
        } else {
            self.out.extend_from_slice(number(value).as_bytes());
        }
        self.out.push(b'\n');
    }

    fn durations(&mut self, labels: &Labels, value: &RisingDurations) {
        let comma = |text: &str| if text.is_empty() { "" } else { "," };
        let mut start = self.bucket.clone();
        if !start.ends_with('{') {
            start.push_str(comma(&labels.text));
        }
        start.push_str(&labels.text);
        if !start.ends_with('{') {
            start.push(',');
        }
        let mut below = 0;
        for (bound, count) in self.bounds.iter().zip(value.cells()) {
            below += count;
            self.out.extend_from_slice(start.as_bytes());
            self.out.extend_from_slice(bound.as_bytes());
            whole(&mut self.out, below);
            self.out.push(b'\n');
        }
        Self::begin(&mut self.out, &self.sum, labels);
        self.line(&[&number(value.sum_s())]);
        Self::begin(&mut self.out, &self.count, labels);
        whole(&mut self.out, below);
        self.out.push(b'\n');
    }

    fn end(mut self) -> Vec<u8> {
        if self.is_open_metrics {
            self.line(&["# EOF"]);
        }
        self.out
    }
}

/// Writes a whole number.
fn whole(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0; 20];
    let (mut at, mut rest) = (digits.len(), value);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Number as Go's clients spell it, so that a bound is the same text in every format: `1e-05`, `0.0001`, `1.0`.
pub(super) fn number(value: f64) -> String {
    let exponent = value.abs().log10().floor();
    if value != 0.0 && !(-4.0..21.0).contains(&exponent) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let text = value.to_string();
    match text.contains('.') {
        true => text,
        false => text + ".0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_as_go_does() {
        for (value, expected) in [
            (1e-5, "1e-05"),
            (2.5e-5, "2.5e-05"),
            (0.0001, "0.0001"),
            (0.25, "0.25"),
            (1.0, "1.0"),
            (60.0, "60.0"),
            (0.0, "0.0"),
            (1e21, "1e+21"),
        ] {
            assert_eq!(number(value), expected);
        }
        let mut out = Vec::new();
        for value in [0, 7, 10, u64::MAX] {
            whole(&mut out, value);
            out.push(b' ');
        }
        assert_eq!(out, b"0 7 10 18446744073709551615 ");
    }
}
