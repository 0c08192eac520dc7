//! Absence, which is not zero.

/// Tells whether a value holds nothing: it is not written then.
pub(crate) fn is_absent<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
