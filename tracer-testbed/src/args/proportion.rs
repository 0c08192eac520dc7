//! Probabilities and bandwidths on the command line.

/// Reads a probability such as `5%`, `0.05` or `0`.
pub(crate) fn probability(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.strip_suffix('%') {
        Some(number) => (number, 0.01),
        None => (text, 1.0),
    };
    let value = number
        .parse::<f64>()
        .map_err(|_| format!("`{text}` is not a probability such as 5% or 0.05"))?
        * unit;
    if (0.0..=1.0).contains(&value) {
        return Ok(value);
    }
    Err(format!("`{text}` is not between 0% and 100%"))
}

/// Reads a number of bits per second such as `300K`, `20M` or `1G`.
pub(crate) fn bandwidth(text: &str) -> Result<u64, String> {
    let (number, factor) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(number) if text.ends_with('K') => (number, 1_000),
        Some(number) if text.ends_with('M') => (number, 1_000_000),
        Some(number) => (number, 1_000_000_000),
        None => (text, 1),
    };
    let bits: Option<u64> = number.parse().ok();
    bits.and_then(|bits| bits.checked_mul(factor))
        .filter(|bits| *bits > 0)
        .ok_or_else(|| format!("`{text}` is no bandwidth such as 300K, 20M or 1G bits per second"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities() {
        assert_eq!(probability("5%"), Ok(0.05));
        assert_eq!(probability("0.25"), Ok(0.25));
        for bad in ["101%", "-1", "x", "NaN"] {
            assert!(probability(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bandwidths() {
        assert_eq!(bandwidth("300K"), Ok(300_000));
        assert_eq!(bandwidth("1G"), Ok(1_000_000_000));
        assert_eq!(bandwidth("64000"), Ok(64_000));
        for bad in ["0", "M", "-1", "1T", "99999999999999999999G"] {
            assert!(bandwidth(bad).is_err(), "{bad}");
        }
    }
}
