//! Character sets by header, byte order mark and meta element. They decide how the query of a link is spelled.

use super::answer::Answer;
use super::links::Counts;
use super::plan::{Expected, Host, Plan};

/// Name of the page, Content-Type, bytes, expected charset, and target of its link.
type Case = (
    &'static str,
    &'static str,
    &'static [u8],
    &'static str,
    &'static str,
);

const CASES: &[Case] = &[
    ("/header-1251", "text/html; charset=windows-1251", b"<a href=\"/1?q=\xe6\">\xe6</a>", "windows-1251", "/1?q=%E6"),
    ("/header-latin", "text/html;charset=\"ISO-8859-1\"", b"<a href=\"/2?q=\xe4\">x</a>", "windows-1252", "/2?q=%E4"),
    ("/meta-sjis", "text/html", b"<meta charset=Shift_JIS><a href=\"/3?q=\x82\xa0\">x</a>", "Shift_JIS", "/3?q=%82%A0"),
    ("/meta-equiv", "text/html", b"<meta http-equiv=Content-Type content=\"text/html; charset=koi8-r\"><a href=\"/4?q=\xd6\">x</a>", "KOI8-R", "/4?q=%D6"),
    ("/utf-8", "text/html; charset=utf-8", "<a href=\"/5?q=\u{e4}\">x</a>".as_bytes(), "UTF-8", "/5?q=%C3%A4"),
    ("/mark-over-header", "text/html; charset=windows-1251", b"\xef\xbb\xbf<a href=\"/6?q=\xc3\xa4\">x</a>", "UTF-8", "/6?q=%C3%A4"),
    ("/header-over-meta", "text/html; charset=utf-8", b"<meta charset=windows-1251><a href=\"/7?q=\xc3\xa4\">x</a>", "UTF-8", "/7?q=%C3%A4"),
    ("/utf-16-mark", "text/html", b"\xff\xfe<\0a\0 \0h\0r\0e\0f\0=\0/\08\0?\0q\0=\0\xe4\0>\0x\0", "UTF-16LE", "/8?q=%C3%A4"),
    ("/utf-16-header", "text/html; charset=utf-16be", b"\0<\0a\0 \0h\0r\0e\0f\0=\0/\09\0?\0q\0=\0\xe4\0>\0x", "UTF-16BE", "/9?q=%C3%A4"),
    ("/path-is-utf-8", "text/html; charset=windows-1252", b"<a href=\"/10/\xe4\">x</a>", "windows-1252", "/10/%C3%A4"),
    ("/no-such-char", "text/html; charset=windows-1252", b"<a href=\"/11?q=&#1078;\">x</a>", "windows-1252", "/11?q=%26%231078%3B"),
    ("/unknown", "text/html; charset=no-such-thing", b"<meta charset=gbk><a href=\"/12?q=\xc4\xe3\">x</a>", "GBK", "/12?q=%C4%E3"),
    ("/broken", "text/html; charset=utf-8", b"\xff\xfe\xfd<a href=\"/13\">\xc3\x28</a>", "UTF-16LE", ""),
    ("/invalid", "text/html; charset=utf-8", b"x\xff\xfe\xfd<a href=\"/14\">\xc3\x28</a>", "UTF-8", "/14"),
];

pub(super) fn add(plan: &mut Plan) {
    let mut host = plan.host("charsets");
    let names: Vec<&str> = CASES.iter().map(|(name, ..)| *name).collect();
    host.home(&names);
    for case in CASES {
        add_case(&mut host, *case).charset = Some(case.3);
    }
}

fn add_case<'a>(host: &'a mut Host<'_>, (name, kind, body, _, to): Case) -> &'a mut Expected {
    let found = u64::from(!to.is_empty());
    if found > 0 {
        host.leaf(to);
    }
    let answer = Answer::new(200, body).with("content-type", kind);
    host.page(name, answer, Counts::found(found))
}
