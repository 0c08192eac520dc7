//! Attributes that keep an item out of the product.

use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

/// Tells whether an item with these attributes is compiled for tests only.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        let last = path.segments.last();
        let marks_a_test = last.is_some_and(|segment| segment.ident == "test");
        let predicate = || {
            attribute
                .parse_args::<Meta>()
                .is_ok_and(|it| needs_test(&it))
        };
        marks_a_test || (path.is_ident("cfg") && predicate())
    })
}

/// Tells whether the predicate of a `cfg` can hold in tests only.
fn needs_test(predicate: &Meta) -> bool {
    let Meta::List(list) = predicate else {
        return predicate.path().is_ident("test");
    };
    let inner = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let inner = inner.unwrap_or_default();
    if list.path.is_ident("all") {
        return inner.iter().any(needs_test);
    }
    list.path.is_ident("any") && !inner.is_empty() && inner.iter().all(needs_test)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(attribute: &str, expected: bool) {
        let item: syn::ItemFn = syn::parse_str(&format!("{attribute} fn f() {{}}")).unwrap();
        assert_eq!(is_test(&item.attrs), expected, "{attribute}");
    }

    #[test]
    fn only_what_needs_the_test_configuration_is_left_out() {
        check("#[cfg(test)]", true);
        check("#[test]", true);
        check("#[tokio::test]", true);
        check("#[cfg(all(test, unix))]", true);
        check("#[cfg(any(test, all(test, unix)))]", true);
        check("#[cfg(not(test))]", false);
        check("#[cfg(any(test, feature = \"fuzz\"))]", false);
        check("#[cfg(feature = \"render\")]", false);
        check("#[inline]", false);
    }
}
