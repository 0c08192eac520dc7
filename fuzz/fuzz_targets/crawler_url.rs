//! Any text, as a URL and as a link on a page: refused or brought to one spelling, of which the second is the first.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_crawler::parse::charset_of;
use tracer_crawler::canonical::Normalizer;

fuzz_target!(|data: &[u8]| {
    let Some((&options, text)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    let normalizer = Normalizer {
        sort_query: options & 1 != 0,
        drop_tracking: options & 2 != 0,
        ..Normalizer::default()
    };
    let Some(encoding) = charset_of("text/html; charset=shift_jis") else {
        return;
    };
    if let Ok(base) = normalizer.parse("http://host.test/a/b?c") {
        let _ = normalizer.join(&base, &text, encoding);
    }
    if let Ok(once) = normalizer.parse(&text) {
        assert_eq!(normalizer.parse(once.as_str()).as_ref(), Ok(&once));
        assert!(once.fragment().is_none() && once.host_str().is_some());
    }
});
