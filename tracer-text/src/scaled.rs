//! Numbers with a unit, as whole multiples of the smallest unit.

/// Splits `1.5 MiB` into `1.5` and `MiB`; underscores between digits are part of the number.
pub(crate) fn split_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// The largest product that a number with a fraction may give: larger ones are not exact enough to be meant.
const LARGEST: f64 = 9e18;

/// `number * factor`, rounded; exact for whole numbers. `None` when `number` is none or the product does not fit.
pub(crate) fn scaled(number: &str, factor: u64) -> Option<u64> {
    let number = number.replace('_', "");
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let product = number.parse::<f64>().ok()? * factor as f64;
    (product < LARGEST).then_some(product.round() as u64)
}
